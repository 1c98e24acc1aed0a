//! The tables that the worker uses, for diesel (platform.md 2.1). One description serves MySQL and SQLite: a
//! JSON column is text, a DATETIME a `Timestamp`.

use diesel::table;

table! {
    users (id) {
        id -> Integer,
        email -> Text,
        full_name -> Text,
        auth_provider -> Text,
        is_active -> Bool,
        is_verified -> Bool,
    }
}

table! {
    tasks (task_id) {
        task_id -> Text,
        user_id -> Integer,
        tool_id -> Text,
        agents -> Text,
        status -> Text,
        progress -> Integer,
        current_agent -> Nullable<Text>,
        error_code -> Nullable<Text>,
        error_message -> Nullable<Text>,
        created_at -> Timestamp,
        upload_started_at -> Nullable<Timestamp>,
        processing_started_at -> Nullable<Timestamp>,
        completed_at -> Nullable<Timestamp>,
        failed_at -> Nullable<Timestamp>,
        cancelled_at -> Nullable<Timestamp>,
        expired_at -> Nullable<Timestamp>,
        updated_at -> Timestamp,
        s3_cleaned -> Bool,
    }
}

table! {
    credit_wallets (id) {
        id -> Integer,
        user_id -> Integer,
        balance_credits -> Integer,
        updated_at -> Timestamp,
    }
}

table! {
    credit_transactions (id) {
        id -> Text,
        user_id -> Integer,
        delta_credits -> Integer,
        #[sql_name = "type"]
        kind -> Text,
        reason -> Nullable<Text>,
        agent_id -> Nullable<Text>,
        tool_id -> Nullable<Text>,
        analysis_id -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

table! {
    agent_costs (agent_id) {
        agent_id -> Text,
        cost -> Integer,
        updated_at -> Timestamp,
    }
}

table! {
    /// diesel's own record of the migrations that ran.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}
