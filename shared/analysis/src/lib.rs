//! The agents of Agensium's tools, as pure functions: tables and parameters in, answers and files out.
//!
//! | module | one idea |
//! |---|---|
//! | [`tools`] | which tools, agents, file slots and parameters exist (data) |
//! | [`table`] | a CSV read once, with facts per column computed on demand |
//! | [`stats`] | the statistics of the specifications, each defined once |
//! | [`cleaning`] | the operations of agents that change data, each once |
//! | [`dates`] | which texts are dates |
//! | [`matching`] | which records mean the same: similarity, sound, blocking, clusters |
//! | [`text`] | how a cell, a number or a figure is shown as text |
//! | [`parameters`] | what a client sent for one agent, checked and echoed |
//! | [`findings`] | alerts, issues, recommendations, row-level issues |
//! | [`answer`] | what an agent returns |
//! | [`agent`] | the `Agent` trait and the contained run of one agent |
//! | [`agents`] | the agents themselves, one file each |
//! | [`chain`] | the agents of one task in order, files handed from one to the next |
//! | [`report`] | the report of a task as JSON |
//!
//! Nothing here knows a queue, a database, a bucket or a socket, and nothing reads a file by itself.

pub mod agent;
pub mod agents;
pub mod answer;
pub mod chain;
pub mod cleaning;
pub mod dates;
pub mod findings;
pub mod matching;
pub mod parameters;
pub mod report;
pub mod stats;
pub mod table;
pub mod text;
pub mod tools;
