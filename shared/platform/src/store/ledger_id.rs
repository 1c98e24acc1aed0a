//! The id of a ledger row, computed from what it is for (platform.md 5.4): two attempts to bill the same run
//! of an agent make the same id, and the table refuses the second.

use chrono::NaiveDateTime;
use sha2::{Digest, Sha256};

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: u32 = 26;
const TIME_BITS: u32 = 48;
const RANDOM_BITS: u32 = 80;

/// The ULID of the `occurrence`-th run (from 1) of `agent_id` (normalized) in a task: 48 bits of the task's
/// creation in milliseconds, 80 bits of SHA-256 over task id, agent id and occurrence, one a line.
pub(super) fn ledger_id(
    task_id: &str,
    created_at: NaiveDateTime,
    agent_id: &str,
    occurrence: usize,
) -> String {
    let digest = Sha256::digest(format!("{task_id}\n{agent_id}\n{occurrence}"));
    let random =
        digest.iter().take(RANDOM_BITS as usize / 8).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    let time = u128::try_from(created_at.and_utc().timestamp_millis()).unwrap_or(0) & ((1 << TIME_BITS) - 1);
    encode(time << RANDOM_BITS | random)
}

fn encode(value: u128) -> String {
    let digit = |place: u32| {
        let index = (value >> (5 * place)) & 0b1_1111;
        usize::try_from(index)
            .ok()
            .and_then(|index| ALPHABET.get(index))
            .map_or('0', |byte| char::from(*byte))
    };
    (0..LENGTH).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use proptest::prelude::*;

    fn noon() -> NaiveDateTime {
        NaiveDate::from_ymd_opt(2025, 12, 20).unwrap().and_hms_opt(12, 0, 0).unwrap()
    }

    /// The other direction, written independently.
    fn decode(text: &str) -> u128 {
        text.chars().fold(0, |value, c| {
            let digit = ALPHABET.iter().position(|byte| char::from(*byte) == c).unwrap();
            value * 32 + digit as u128
        })
    }

    #[test]
    fn begins_with_the_creation_time_and_ends_with_the_digest() {
        let id = ledger_id("t", noon(), "unified-profiler", 1);

        assert_eq!(decode(&id) >> 80, noon().and_utc().timestamp_millis() as u128);
        let digest = Sha256::digest("t\nunified-profiler\n1");
        assert_eq!(&(decode(&id) & ((1 << 80) - 1)).to_be_bytes()[6..], &digest[..10]);
    }

    #[test]
    fn known_values_of_crockfords_base_32() {
        assert_eq!(encode(0), "00000000000000000000000000");
        assert_eq!(encode(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn differs_by_task_agent_and_occurrence_only() {
        let id = |task, agent, occurrence| ledger_id(task, noon(), agent, occurrence);
        assert_eq!(id("t", "a", 1), id("t", "a", 1));
        let different = [id("t", "a", 1), id("t", "a", 2), id("t", "b", 1), id("u", "a", 1)];
        let distinct: std::collections::BTreeSet<_> = different.iter().collect();
        assert_eq!(distinct.len(), different.len());
    }

    proptest! {
        #[test]
        fn is_26_characters_that_read_back(value: u128) {
            let text = encode(value);
            prop_assert_eq!(text.len(), 26);
            prop_assert_eq!(decode(&text), value);
        }
    }
}
