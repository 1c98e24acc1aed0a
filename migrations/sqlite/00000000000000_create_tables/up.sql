-- The tables of the MySQL migration in SQLite's words, so that the embedded default behaves as the backend's database.
-- Lengths are checked where MySQL in strict mode would refuse a longer text.

CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    email VARCHAR(255) NOT NULL CHECK (length(email) <= 255),
    hashed_password VARCHAR(255) CHECK (length(hashed_password) <= 255),
    full_name VARCHAR(100) NOT NULL CHECK (length(full_name) <= 100),
    auth_provider VARCHAR(20) NOT NULL CHECK (length(auth_provider) <= 20),
    google_id VARCHAR(255) CHECK (length(google_id) <= 255),
    profile_picture VARCHAR(500) CHECK (length(profile_picture) <= 500),
    stripe_customer_id VARCHAR(255) CHECK (length(stripe_customer_id) <= 255),
    is_active BOOLEAN NOT NULL,
    is_verified BOOLEAN NOT NULL,
    otp_code VARCHAR(6) CHECK (length(otp_code) <= 6),
    otp_expires_at DATETIME,
    otp_type VARCHAR(50) CHECK (length(otp_type) <= 50),
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_users_email ON users (email);
CREATE UNIQUE INDEX IF NOT EXISTS ix_users_google_id ON users (google_id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_users_stripe_customer_id ON users (stripe_customer_id);

CREATE TABLE IF NOT EXISTS tasks (
    task_id VARCHAR(36) NOT NULL CHECK (length(task_id) <= 36),
    user_id INTEGER NOT NULL,
    tool_id VARCHAR(50) NOT NULL CHECK (length(tool_id) <= 50),
    agents JSON NOT NULL CHECK (json_valid(agents)),
    status VARCHAR(20) NOT NULL CHECK (length(status) <= 20),
    progress INTEGER NOT NULL,
    current_agent VARCHAR(100) CHECK (length(current_agent) <= 100),
    error_code VARCHAR(50) CHECK (length(error_code) <= 50),
    error_message TEXT,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    upload_started_at DATETIME,
    processing_started_at DATETIME,
    completed_at DATETIME,
    failed_at DATETIME,
    cancelled_at DATETIME,
    expired_at DATETIME,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    s3_cleaned BOOLEAN NOT NULL,
    PRIMARY KEY (task_id),
    CONSTRAINT tasks_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX IF NOT EXISTS ix_tasks_user_id ON tasks (user_id);
CREATE INDEX IF NOT EXISTS ix_tasks_tool_id ON tasks (tool_id);
CREATE INDEX IF NOT EXISTS ix_tasks_status ON tasks (status);

CREATE TABLE IF NOT EXISTS credit_wallets (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER NOT NULL,
    balance_credits INTEGER NOT NULL,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT credit_wallets_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT check_balance_non_negative CHECK (balance_credits >= 0)
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_credit_wallets_user_id ON credit_wallets (user_id);

CREATE TABLE IF NOT EXISTS credit_transactions (
    id VARCHAR(26) NOT NULL CHECK (length(id) <= 26),
    user_id INTEGER NOT NULL,
    delta_credits INTEGER NOT NULL,
    type VARCHAR(50) NOT NULL CHECK (length(type) <= 50),
    reason VARCHAR(500) CHECK (length(reason) <= 500),
    agent_id VARCHAR(100) CHECK (length(agent_id) <= 100),
    tool_id VARCHAR(100) CHECK (length(tool_id) <= 100),
    analysis_id VARCHAR(100) CHECK (length(analysis_id) <= 100),
    stripe_checkout_session_id VARCHAR(255) CHECK (length(stripe_checkout_session_id) <= 255),
    stripe_payment_intent_id VARCHAR(255) CHECK (length(stripe_payment_intent_id) <= 255),
    stripe_event_id VARCHAR(255) CHECK (length(stripe_event_id) <= 255),
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id),
    CONSTRAINT credit_transactions_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_credit_transactions_stripe_checkout_session_id ON credit_transactions (stripe_checkout_session_id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_credit_transactions_stripe_payment_intent_id ON credit_transactions (stripe_payment_intent_id);
CREATE INDEX IF NOT EXISTS ix_credit_transactions_user_id ON credit_transactions (user_id);
CREATE INDEX IF NOT EXISTS ix_credit_transactions_agent_id ON credit_transactions (agent_id);
CREATE INDEX IF NOT EXISTS ix_credit_transactions_stripe_event_id ON credit_transactions (stripe_event_id);

CREATE TABLE IF NOT EXISTS agent_costs (
    agent_id VARCHAR(100) NOT NULL CHECK (length(agent_id) <= 100),
    cost INTEGER NOT NULL,
    description VARCHAR(255) CHECK (length(description) <= 255),
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (agent_id)
);

CREATE TABLE IF NOT EXISTS profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER NOT NULL,
    display_name VARCHAR(100) CHECK (length(display_name) <= 100),
    public_handle VARCHAR(50) CHECK (length(public_handle) <= 50),
    company_name VARCHAR(150) CHECK (length(company_name) <= 150),
    industry_vertical VARCHAR(100) CHECK (length(industry_vertical) <= 100),
    business_email VARCHAR(255) CHECK (length(business_email) <= 255),
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT profiles_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_profiles_user_id ON profiles (user_id);
CREATE UNIQUE INDEX IF NOT EXISTS ix_profiles_public_handle ON profiles (public_handle);

CREATE TABLE IF NOT EXISTS stripe_webhook_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    stripe_event_id VARCHAR(255) NOT NULL CHECK (length(stripe_event_id) <= 255),
    event_type VARCHAR(100) NOT NULL CHECK (length(event_type) <= 100),
    received_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    processed_at DATETIME,
    payload_json JSON CHECK (json_valid(payload_json))
);
CREATE UNIQUE INDEX IF NOT EXISTS ix_stripe_webhook_events_stripe_event_id ON stripe_webhook_events (stripe_event_id);
