//! The protocol between worker and executor: frames on two pipes.
//!
//! A frame is its length (32 bits, little endian, kind included), its kind (one byte), and its content. Both sides are
//! the same program, so there is no version. A task can write anything into a pipe: what comes in is never believed.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde_json::Value;

use crate::message::json;
use crate::outcome::Outcome;
use crate::task::CancelReason;

/// The longest content of a frame, as large as the largest message that Redis stores.
pub(super) const MAX_FRAME: usize = 512 << 20;

/// What the worker tells its executor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Order {
    /// Run the task of this message.
    Run { number: u64, hostname: String, envelope: Bytes },
    /// Ask that run to stop.
    Cancel { number: u64, reason: CancelReason },
}

/// What an executor tells the worker.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Report {
    /// It is there.
    Ready,
    /// The run has ended.
    Done { number: u64, outcome: Outcome },
    /// The run tells how far it is.
    Progress { number: u64, progress: Value },
    /// The run tells a state of its own.
    State { number: u64, state: String, meta: Value },
    /// Lines for the worker's log.
    Log(Bytes),
}

/// The bytes are no frame of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct FrameError(String);

impl FrameError {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

const RUN: u8 = 1;
const CANCEL: u8 = 2;
const READY: u8 = 3;
const DONE: u8 = 4;
const PROGRESS: u8 = 5;
const LOG: u8 = 6;
const STATE: u8 = 7;

/// What travels as a frame.
pub(super) trait Frame: Sized {
    /// # Errors
    /// When it is too long, or cannot be written down.
    fn encode(&self) -> Result<Bytes, FrameError>;

    /// # Errors
    /// When there is no such kind, or the content is not of it.
    fn decode(kind: u8, content: Bytes) -> Result<Self, FrameError>;
}

fn frame(kind: u8, parts: &[&[u8]]) -> Result<Bytes, FrameError> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let announced = u32::try_from(length + 1).ok().filter(|_| length <= MAX_FRAME);
    let announced = announced.ok_or_else(|| {
        FrameError::new(format!(
            "{length} bytes are more than the {MAX_FRAME} that fit between worker and executor"
        ))
    })?;
    let mut bytes = BytesMut::with_capacity(length + 5);
    bytes.put_u32_le(announced);
    bytes.put_u8(kind);
    parts.iter().for_each(|part| bytes.put_slice(part));
    Ok(bytes.freeze())
}

fn number(content: &mut Bytes) -> Result<u64, FrameError> {
    content.try_get_u64_le().map_err(|_| FrameError::new("the frame ends within its number"))
}

fn read_json<T: serde::de::DeserializeOwned>(content: &[u8]) -> Result<T, FrameError> {
    json::from_slice(content).map_err(|error| FrameError::new(format!("the frame's content: {error}")))
}

fn write_json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    serde_json::to_vec(value).map_err(|error| FrameError::new(format!("cannot be written as JSON: {error}")))
}

impl Frame for Order {
    fn encode(&self) -> Result<Bytes, FrameError> {
        match self {
            Self::Run { number, hostname, envelope } => {
                let length = u32::try_from(hostname.len())
                    .map_err(|_| FrameError::new("the node name is too long"))?;
                let parts: [&[u8]; 4] =
                    [&number.to_le_bytes(), &length.to_le_bytes(), hostname.as_bytes(), envelope];
                frame(RUN, &parts)
            }
            Self::Cancel { number, reason } => frame(CANCEL, &[&number.to_le_bytes(), &write_json(reason)?]),
        }
    }

    fn decode(kind: u8, mut content: Bytes) -> Result<Self, FrameError> {
        match kind {
            RUN => {
                let number = number(&mut content)?;
                let length = content.try_get_u32_le().ok().and_then(|length| usize::try_from(length).ok());
                let length = length.filter(|length| *length <= content.len());
                let length = length.ok_or_else(|| FrameError::new("the frame ends within the node name"))?;
                let hostname = String::from_utf8_lossy(&content.split_to(length)).into_owned();
                Ok(Self::Run { number, hostname, envelope: content })
            }
            CANCEL => Ok(Self::Cancel { number: number(&mut content)?, reason: read_json(&content)? }),
            kind => Err(FrameError::new(format!("{kind} is no kind of order"))),
        }
    }
}

impl Frame for Report {
    fn encode(&self) -> Result<Bytes, FrameError> {
        match self {
            Self::Ready => frame(READY, &[]),
            Self::Done { number, outcome } => frame(DONE, &[&number.to_le_bytes(), &write_json(outcome)?]),
            Self::Progress { number, progress } => {
                frame(PROGRESS, &[&number.to_le_bytes(), &write_json(progress)?])
            }
            Self::State { number, state, meta } => {
                frame(STATE, &[&number.to_le_bytes(), &write_json(&(state, meta))?])
            }
            Self::Log(lines) => frame(LOG, &[lines]),
        }
    }

    fn decode(kind: u8, mut content: Bytes) -> Result<Self, FrameError> {
        match kind {
            READY => Ok(Self::Ready),
            DONE => Ok(Self::Done { number: number(&mut content)?, outcome: read_json(&content)? }),
            PROGRESS => Ok(Self::Progress { number: number(&mut content)?, progress: read_json(&content)? }),
            STATE => {
                let number = number(&mut content)?;
                let (state, meta) = read_json(&content)?;
                Ok(Self::State { number, state, meta })
            }
            LOG => Ok(Self::Log(content)),
            kind => Err(FrameError::new(format!("{kind} is no kind of report"))),
        }
    }
}

/// Takes frames out of the bytes of a pipe. Memory is used for bytes that are there, never for announced ones.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// Read into it.
    pub(super) buffer: BytesMut,
}

impl Decoder {
    /// The next frame; `None` until more bytes are there.
    ///
    /// # Errors
    /// When the bytes are no frames. Nothing after them can be read.
    pub(super) fn next<F: Frame>(&mut self) -> Result<Option<F>, FrameError> {
        let Some(announced) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*announced) as usize;
        if length == 0 || length > MAX_FRAME + 1 {
            return Err(FrameError::new(format!("a frame of {length} bytes is announced")));
        }
        if self.buffer.len() < length + 4 {
            return Ok(None);
        }
        self.buffer.advance(4);
        let mut content = self.buffer.split_to(length).freeze();
        let kind = content.get_u8();
        F::decode(kind, content).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reports() -> impl Strategy<Value = Report> {
        prop_oneof![
            Just(Report::Ready),
            (any::<u64>(), ".*").prop_map(|(number, text)| Report::Done {
                number,
                outcome: Outcome::Success(Value::from(text))
            }),
            (any::<u64>(), any::<i64>())
                .prop_map(|(number, value)| Report::Progress { number, progress: value.into() }),
            (any::<u64>(), ".*", any::<i64>()).prop_map(|(number, state, value)| Report::State {
                number,
                state,
                meta: value.into()
            }),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Report::Log(bytes.into())),
        ]
    }

    fn orders() -> impl Strategy<Value = Order> {
        (any::<u64>(), ".*", prop::collection::vec(any::<u8>(), 0..300)).prop_flat_map(
            |(number, hostname, envelope)| {
                prop_oneof![
                    Just(Order::Run { number, hostname, envelope: envelope.into() }),
                    Just(Order::Cancel { number, reason: CancelReason::SoftTimeLimit }),
                ]
            },
        )
    }

    fn read_all<F: Frame>(bytes: &[u8], piece: usize) -> Result<Vec<F>, FrameError> {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        for piece in bytes.chunks(piece.max(1)) {
            decoder.buffer.put_slice(piece);
            while let Some(frame) = decoder.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_pieces_of_any_size(
            sent in prop::collection::vec(reports(), 0..8), piece in 1usize..64
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|frame| frame.encode().unwrap()).collect();
            prop_assert_eq!(read_all::<Report>(&bytes, piece).unwrap(), sent);
        }

        #[test]
        fn orders_too(sent in prop::collection::vec(orders(), 0..8), piece in 1usize..64) {
            let bytes: Vec<u8> = sent.iter().flat_map(|frame| frame.encode().unwrap()).collect();
            prop_assert_eq!(read_all::<Order>(&bytes, piece).unwrap(), sent);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1usize..64) {
            let _ = read_all::<Report>(&bytes, piece);
            let _ = read_all::<Order>(&bytes, piece);
        }

        #[test]
        fn any_content_of_a_known_kind_is_survived(
            kind in 0u8..9, content in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            let bytes = frame(kind, &[&content]).unwrap();
            let _ = read_all::<Report>(&bytes, 7);
            let _ = read_all::<Order>(&bytes, 7);
        }
    }

    #[test]
    fn the_length_is_not_believed() {
        let mut decoder = Decoder::default();
        decoder.buffer.put_u32_le(MAX_FRAME as u32);
        assert_eq!(decoder.next::<Report>(), Ok(None));
        assert!(decoder.buffer.capacity() < 1 << 16);
        for length in [0, u32::MAX] {
            let mut decoder = Decoder::default();
            decoder.buffer.put_u32_le(length);
            assert!(decoder.next::<Report>().is_err());
        }
        let deep = format!("{{\"Success\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let bytes = frame(DONE, &[&[0; 8], deep.as_bytes()]).unwrap();
        assert!(
            read_all::<Report>(&bytes, 1 << 20).is_err(),
            "too deep to be read without a stack of any size"
        );
    }
}
