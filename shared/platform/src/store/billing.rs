//! One bill per task (platform.md 5).
//!
//! [`Store::charge`] is one transaction: it locks the wallet, reads what the task has already paid, checks
//! that the rest can be paid, and writes all ledger rows and the new balance, or nothing. A second attempt of
//! the same task finds its rows and pays nothing; should it run at the same time in spite of the lock, it
//! makes the same ledger ids and is refused by the table.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl;
use diesel::prelude::*;
use diesel_async::{AsyncMysqlConnection, RunQueryDsl};

use super::connection::{AsyncSqliteConnection, in_transaction};
use super::ledger_id::ledger_id;
use super::schema::{agent_costs, credit_transactions, credit_wallets};
use super::{Store, StoreError, TaskRow};

/// `type` of a debit.
const CONSUME: &str = "CONSUME";
/// How often a transaction is run that met another one.
const ATTEMPTS: usize = 3;

/// What a task has paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// What this call charged, in task order; empty when everything had been paid before, or there are no
    /// agents.
    pub charges: Vec<Charge>,
    /// How many runs an earlier attempt had paid.
    pub paid_before: usize,
    /// The wallet's balance afterwards, in credits; `None` without a wallet (only when nothing was to pay).
    pub balance: Option<i32>,
}

impl Bill {
    /// The sum that this call charged, in credits.
    pub fn total(&self) -> i64 {
        self.charges.iter().map(|charge| i64::from(charge.credits)).sum()
    }
}

/// The price of one run of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Normalized id.
    pub agent_id: String,
    /// Credits; 0 is a price.
    pub credits: i32,
}

/// Why a task was not billed. Nothing has been charged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChargeError {
    /// The wallet does not hold the price, or an agent has none. Do not retry.
    #[error("{}", insufficient_text(*required, *available, missing))]
    InsufficientCredits {
        /// Sum of the known prices.
        required: i64,
        /// The balance; 0 without a wallet.
        available: i64,
        /// `required - available`; negative when only a price is missing.
        shortfall: i64,
        /// Agents without a price, in task order.
        missing: Vec<String>,
    },

    /// All prices are 0, but the user has no wallet to book them on. Do not retry.
    #[error(
        "There is no credit wallet for this account yet. Buy credits to open one, then start the analysis again."
    )]
    WalletNotFound {
        /// The owner of the task.
        user_id: i32,
    },

    /// The database failed; see [`StoreError::is_transient`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChargeError {
    /// The `error_code` of the task row; `None` for failures of the database.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::InsufficientCredits { .. } => Some("BILLING_INSUFFICIENT_CREDITS"),
            Self::WalletNotFound { .. } => Some("BILLING_WALLET_NOT_FOUND"),
            Self::Store(_) => None,
        }
    }
}

fn insufficient_text(required: i64, available: i64, missing: &[String]) -> String {
    let mut text = format!("This analysis needs {required} credits, and {available} are available.");
    if required > available {
        text.push_str(&format!(" Buy at least {} more and start it again.", required - available));
    }
    if !missing.is_empty() {
        text.push_str(&format!(" No price is set for: {}.", missing.join(", ")));
    }
    text
}

/// An agent's id as prices and ledger know it: lower case, trimmed, `-` for `_` (platform.md 5.1).
pub fn normalized(agent_id: &str) -> String {
    agent_id.trim().to_lowercase().replace('_', "-")
}

impl Store {
    /// Charges the task's owner for each agent of the task, repeats included, at most once per task.
    ///
    /// # Errors
    /// [`ChargeError::InsufficientCredits`], [`ChargeError::WalletNotFound`], or the database's failure.
    /// After a transient one the same call is safe: what was committed is not charged again.
    pub async fn charge(&self, task: &TaskRow) -> Result<Bill, ChargeError> {
        let doing = "billing the task";
        let wanted: Vec<String> = task.agents.iter().map(|id| normalized(id)).collect();
        for attempt in 1.. {
            match self.charge_once(task, &wanted).await {
                Ok(answer) => return answer,
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                Err(error) => return Err(error.into_store_error(doing, &self.url).into()),
            }
        }
        Err(ChargeError::Store(StoreError::Busy { doing, reason: format!("{ATTEMPTS} attempts") }))
    }

    /// The outer result is the database's, the inner one billing's: a refusal has written nothing.
    async fn charge_once(
        &self,
        task: &TaskRow,
        wanted: &[String],
    ) -> Result<Result<Bill, ChargeError>, super::connection::CallError> {
        in_transaction!(self, |connection| {
            let balance = connection.lock_wallet(task.user_id).await?;
            let paid: Vec<Option<String>> = credit_transactions::table
                .filter(credit_transactions::user_id.eq(task.user_id))
                .filter(credit_transactions::analysis_id.eq(&task.task_id))
                .filter(credit_transactions::kind.eq(CONSUME))
                .select(credit_transactions::agent_id)
                .load(connection)
                .await?;
            let due = due(wanted, paid.iter().flatten());
            let prices: Vec<(String, i32)> = agent_costs::table
                .filter(agent_costs::agent_id.eq_any(due.iter().map(|run| run.agent_id)))
                .select((agent_costs::agent_id, agent_costs::cost))
                .load(connection)
                .await?;
            let charges = match decide(task.user_id, balance, &due, prices) {
                Ok(charges) => charges,
                Err(refusal) => return Ok(Err(refusal)),
            };
            // Fits: the balance, an i32, is not below it.
            let total: i32 = charges.iter().map(|charge| charge.credits).sum();
            if !charges.is_empty() {
                let debits: Vec<Debit<'_>> =
                    due.iter().zip(&charges).map(|(run, charge)| Debit::new(task, run, charge)).collect();
                connection.insert_debits(&debits).await?;
                diesel::update(credit_wallets::table.filter(credit_wallets::user_id.eq(task.user_id)))
                    .set((
                        credit_wallets::balance_credits.eq(credit_wallets::balance_credits - total),
                        credit_wallets::updated_at.eq(dsl::now),
                    ))
                    .execute(connection)
                    .await?;
            }
            let paid_before = wanted.len() - due.len();
            Ok(Ok(Bill { charges, paid_before, balance: balance.map(|balance| balance - total) }))
        })
    }
}

/// The two statements of a bill that the databases word differently.
trait BillingConnection {
    /// The wallet's balance, `None` without a wallet. Nobody else can change it before the transaction ends.
    fn lock_wallet(&mut self, user_id: i32) -> impl Future<Output = QueryResult<Option<i32>>> + Send;

    /// Adds the ledger rows.
    fn insert_debits(&mut self, debits: &[Debit<'_>]) -> impl Future<Output = QueryResult<()>> + Send;
}

impl BillingConnection for AsyncMysqlConnection {
    async fn lock_wallet(&mut self, user_id: i32) -> QueryResult<Option<i32>> {
        wallet_of(user_id).for_update().first(self).await.optional()
    }

    async fn insert_debits(&mut self, debits: &[Debit<'_>]) -> QueryResult<()> {
        diesel::insert_into(credit_transactions::table).values(debits).execute(self).await.map(drop)
    }
}

impl BillingConnection for AsyncSqliteConnection {
    /// The transaction holds SQLite's only write lock already.
    async fn lock_wallet(&mut self, user_id: i32) -> QueryResult<Option<i32>> {
        wallet_of(user_id).first(self).await.optional()
    }

    /// diesel inserts several rows into SQLite one by one, diesel-async leaves that to us.
    async fn insert_debits(&mut self, debits: &[Debit<'_>]) -> QueryResult<()> {
        for debit in debits {
            diesel::insert_into(credit_transactions::table).values(debit).execute(self).await?;
        }
        Ok(())
    }
}

#[diesel::dsl::auto_type]
fn wallet_of(user_id: i32) -> _ {
    credit_wallets::table.filter(credit_wallets::user_id.eq(user_id)).select(credit_wallets::balance_credits)
}

/// A run of an agent that is still to be paid.
#[derive(Debug, PartialEq, Eq)]
struct Run<'a> {
    agent_id: &'a str,
    /// From 1, within the task.
    occurrence: usize,
}

/// The runs of `wanted` without those that are in the ledger, by agent and number of rows.
fn due<'a>(wanted: &'a [String], paid: impl Iterator<Item = impl AsRef<str>>) -> Vec<Run<'a>> {
    let mut rows: HashMap<String, usize> = HashMap::new();
    for agent_id in paid {
        *rows.entry(normalized(agent_id.as_ref())).or_default() += 1;
    }
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut due = Vec::with_capacity(wanted.len());
    for agent_id in wanted {
        let occurrence = seen.entry(agent_id).or_default();
        *occurrence += 1;
        if *occurrence > rows.get(agent_id).copied().unwrap_or_default() {
            due.push(Run { agent_id, occurrence: *occurrence });
        }
    }
    due
}

/// The checks of platform.md 5.2, steps 1 to 4, on what is still to be paid.
fn decide(
    user_id: i32,
    balance: Option<i32>,
    due: &[Run<'_>],
    prices: Vec<(String, i32)>,
) -> Result<Vec<Charge>, ChargeError> {
    // A negative price would be a gift: no price.
    let prices: BTreeMap<String, i32> = prices
        .into_iter()
        .filter(|(_, cost)| *cost >= 0)
        .map(|(agent_id, cost)| (normalized(&agent_id), cost))
        .collect();
    let mut charges = Vec::with_capacity(due.len());
    let mut missing: Vec<String> = Vec::new();
    for run in due {
        match prices.get(run.agent_id) {
            Some(&credits) => charges.push(Charge { agent_id: run.agent_id.to_owned(), credits }),
            None if missing.iter().any(|id| id == run.agent_id) => {}
            None => missing.push(run.agent_id.to_owned()),
        }
    }
    let required: i64 = charges.iter().map(|charge| i64::from(charge.credits)).sum();
    let available = i64::from(balance.unwrap_or(0));
    if available < required || !missing.is_empty() {
        return Err(ChargeError::InsufficientCredits {
            required,
            available,
            shortfall: required - available,
            missing,
        });
    }
    if balance.is_none() && !charges.is_empty() {
        return Err(ChargeError::WalletNotFound { user_id });
    }
    Ok(charges)
}

/// A new ledger row (platform.md 2.1); `created_at` is the database's.
#[derive(Insertable)]
#[diesel(table_name = credit_transactions)]
struct Debit<'a> {
    id: String,
    user_id: i32,
    delta_credits: i32,
    kind: &'static str,
    reason: String,
    agent_id: &'a str,
    tool_id: &'a str,
    analysis_id: &'a str,
}

impl<'a> Debit<'a> {
    fn new(task: &'a TaskRow, run: &Run<'a>, charge: &Charge) -> Self {
        Self {
            id: ledger_id(&task.task_id, task.created_at, run.agent_id, run.occurrence),
            user_id: task.user_id,
            delta_credits: -charge.credits,
            kind: CONSUME,
            reason: format!("Agent execution: {}", run.agent_id),
            agent_id: run.agent_id,
            tool_id: &task.tool_id,
            analysis_id: &task.task_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn prices(pairs: &[(&str, i32)]) -> Vec<(String, i32)> {
        pairs.iter().map(|(agent_id, cost)| ((*agent_id).to_owned(), *cost)).collect()
    }

    fn runs(wanted: &[String]) -> Vec<Run<'_>> {
        due(wanted, std::iter::empty::<&str>())
    }

    #[test]
    fn ids_are_normalized_as_the_price_list_writes_them() {
        assert_eq!(normalized(" Unified_Profiler "), "unified-profiler");
    }

    #[test]
    fn paid_runs_are_taken_off_by_agent_and_number() {
        let wanted = ids(&["a", "b", "a", "a"]);

        assert_eq!(
            due(&wanted, ["a", "A", "c"].iter()),
            [Run { agent_id: "b", occurrence: 1 }, Run { agent_id: "a", occurrence: 3 },]
        );
        assert_eq!(due(&wanted, ["a", "a", "a", "b", "b"].iter()), []);
    }

    #[test]
    fn an_insufficient_balance_says_by_how_much() {
        let wanted = ids(&["a", "b"]);
        let refusal = decide(7, Some(40), &runs(&wanted), prices(&[("a", 30), ("b", 25)])).unwrap_err();

        let text = refusal.to_string();
        assert!(
            text.contains("55 credits") && text.contains("40 are available") && text.contains("15 more"),
            "{text}"
        );
        assert_eq!(refusal.code(), Some("BILLING_INSUFFICIENT_CREDITS"));
        let ChargeError::InsufficientCredits { required, available, shortfall, missing } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!((required, available, shortfall, missing), (55, 40, 15, Vec::new()));
    }

    #[test]
    fn a_missing_price_is_insufficient_whatever_the_balance() {
        let wanted = ids(&["a", "x", "x", "y"]);
        let refusal = decide(7, Some(1000), &runs(&wanted), prices(&[("a", 30), ("y", -1)])).unwrap_err();

        let ChargeError::InsufficientCredits { required, available, shortfall, missing } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!((required, available, shortfall), (30, 1000, -970));
        assert_eq!(missing, ["x", "y"]);
    }

    #[test]
    fn without_a_wallet_the_balance_counts_as_zero() {
        let wanted = ids(&["a"]);
        let paid = decide(7, None, &runs(&wanted), prices(&[("a", 1)])).unwrap_err();
        assert_eq!(paid.code(), Some("BILLING_INSUFFICIENT_CREDITS"));
        let free = decide(7, None, &runs(&wanted), prices(&[("a", 0)])).unwrap_err();
        assert_eq!(free.code(), Some("BILLING_WALLET_NOT_FOUND"));
        assert_eq!(decide(7, None, &[], Vec::new()).unwrap(), []);
    }

    proptest! {
        #[test]
        fn a_bill_never_exceeds_the_balance(
            balance in 0..500i32,
            costs in prop::collection::vec(0..100i32, 0..8),
        ) {
            let wanted: Vec<String> = (0..costs.len()).map(|i| format!("agent-{i}")).collect();
            let list = wanted.iter().cloned().zip(costs.iter().copied()).collect();
            match decide(7, Some(balance), &runs(&wanted), list) {
                Ok(charges) => {
                    prop_assert_eq!(charges.len(), costs.len());
                    prop_assert!(charges.iter().map(|charge| charge.credits).sum::<i32>() <= balance);
                }
                Err(_) => prop_assert!(costs.iter().sum::<i32>() > balance),
            }
        }

        #[test]
        fn paying_what_is_due_leaves_nothing_due(
            wanted in prop::collection::vec("[ab]", 0..8),
            paid in prop::collection::vec("[ab]", 0..8),
        ) {
            let rest = due(&wanted, paid.iter());
            let all: Vec<&str> =
                paid.iter().map(String::as_str).chain(rest.iter().map(|run| run.agent_id)).collect();
            prop_assert_eq!(due(&wanted, all.iter()), []);
        }
    }
}
