//! The objects of one task (platform.md 4.2): its inputs, its parameters, its outputs.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::try_join_all;
use serde_json::{Map, Value};

use super::slots::{PARAMETERS_NAME, choose};
use super::{Bucket, InputRules, StorageError, convert, parameters};

/// An input of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// As the client named it, possibly with folders; converted files end in `.csv`.
    pub name: String,
    /// The content.
    pub bytes: Bytes,
}

/// Why a task cannot be given its inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Nothing was uploaded. Do not retry.
    #[error("No input file was uploaded for this task.")]
    NoInputFiles,

    /// A file cannot be turned into a table. Do not retry.
    #[error("400: {file} cannot be read: {reason}")]
    Unreadable {
        /// The name of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// `parameters.json` is not what it must be. Do not retry.
    #[error("parameters.json cannot be used: {reason}")]
    Parameters {
        /// What is wrong with it.
        reason: String,
    },

    /// The bucket failed; see [`StorageError::is_transient`].
    #[error("The input files could not be fetched: {0}")]
    Storage(#[from] StorageError),
}

impl InputError {
    /// The `error_code` of the task row when this is the end (platform.md 3.7).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoInputFiles => "NO_INPUT_FILES",
            _ => "PROCESSING_ERROR",
        }
    }

    /// Whether trying again later can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_transient())
    }
}

/// The objects of one task, below `users/<user>/tasks/<task>/`.
#[derive(Debug, Clone)]
pub struct TaskFiles {
    bucket: Bucket,
    prefix: String,
}

impl TaskFiles {
    /// The files of a task; `user_id` is the row's, not the message's.
    pub fn new(bucket: Bucket, user_id: i32, task_id: &str) -> Self {
        Self { bucket, prefix: format!("users/{user_id}/tasks/{task_id}/") }
    }

    /// The beginning of all keys of the task.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of an input.
    pub fn input_key(&self, name: &str) -> String {
        format!("{}inputs/{name}", self.prefix)
    }

    /// The key of an output.
    pub fn output_key(&self, name: &str) -> String {
        format!("{}outputs/{name}", self.prefix)
    }

    /// The inputs by slot ([`super::PRIMARY`], [`super::BASELINE`]), as CSV. Reads only the objects that are
    /// chosen.
    ///
    /// # Errors
    /// [`InputError::NoInputFiles`], [`InputError::Unreadable`], or the bucket's failure.
    pub async fn read_inputs(
        &self,
        rules: &InputRules,
    ) -> Result<BTreeMap<&'static str, InputFile>, InputError> {
        let objects = self.bucket.list(&self.input_key("")).await?;
        let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        let chosen = choose(&names, &rules.other_slots);
        if chosen.is_empty() && !rules.may_be_empty {
            return Err(InputError::NoInputFiles);
        }
        let chosen = chosen.into_iter().filter_map(|(slot, position)| Some((slot, objects.get(position)?)));
        let files = try_join_all(chosen.map(async |(slot, object)| {
            let bytes = self.bucket.get(&object.key).await?;
            Ok::<_, StorageError>((slot, InputFile { name: object.name.clone(), bytes }))
        }))
        .await?;
        files.into_iter().map(|(slot, file)| Ok((slot, convert::to_csv(file)?))).collect()
    }

    /// The agents' parameters by agent id; empty when there is no `parameters.json`.
    ///
    /// # Errors
    /// [`InputError::Parameters`], or the bucket's failure.
    pub async fn read_parameters(&self) -> Result<Map<String, Value>, InputError> {
        match self.bucket.get(&self.input_key(PARAMETERS_NAME)).await {
            Ok(bytes) => parameters::parse(&bytes).map_err(|reason| InputError::Parameters { reason }),
            Err(error) if error.is_not_found() => Ok(Map::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes an output.
    ///
    /// # Errors
    /// The bucket's failure.
    pub async fn write_output(
        &self,
        name: &str,
        bytes: Bytes,
        content_type: &str,
    ) -> Result<(), StorageError> {
        self.bucket.put(&self.output_key(name), bytes, content_type).await
    }

    /// Deletes the outputs that are not among `names`: what an earlier attempt left (platform.md 2.4). With
    /// no names, all. Returns how many.
    ///
    /// # Errors
    /// The bucket's failure.
    pub async fn delete_outputs_except(&self, names: &[&str]) -> Result<usize, StorageError> {
        let outputs = self.bucket.list(&self.output_key("")).await?;
        let others = outputs.into_iter().filter(|output| !names.contains(&output.name.as_str()));
        let others = others.map(|output| output.key).collect();
        self.bucket.delete_all(others).await
    }

    /// Deletes all objects of the task and returns how many.
    ///
    /// # Errors
    /// The bucket's failure.
    pub async fn delete_all(&self) -> Result<usize, StorageError> {
        self.bucket.delete_prefix(&self.prefix).await
    }
}
