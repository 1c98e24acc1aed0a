-- The tables as the backend's ORM creates them (platform.md 2.1, variant A).
-- Whatever exists already stays as it is: the backend owns these tables.

CREATE TABLE IF NOT EXISTS users (
    id INT NOT NULL AUTO_INCREMENT,
    email VARCHAR(255) NOT NULL,
    hashed_password VARCHAR(255),
    full_name VARCHAR(100) NOT NULL,
    auth_provider VARCHAR(20) NOT NULL,
    google_id VARCHAR(255),
    profile_picture VARCHAR(500),
    stripe_customer_id VARCHAR(255),
    is_active BOOL NOT NULL,
    is_verified BOOL NOT NULL,
    otp_code VARCHAR(6),
    otp_expires_at DATETIME,
    otp_type VARCHAR(50),
    created_at DATETIME NOT NULL DEFAULT (now()),
    updated_at DATETIME NOT NULL DEFAULT (now()),
    PRIMARY KEY (id),
    UNIQUE KEY ix_users_email (email),
    UNIQUE KEY ix_users_google_id (google_id),
    UNIQUE KEY ix_users_stripe_customer_id (stripe_customer_id),
    KEY ix_users_id (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS tasks (
    task_id VARCHAR(36) NOT NULL,
    user_id INT NOT NULL,
    tool_id VARCHAR(50) NOT NULL,
    agents JSON NOT NULL,
    status VARCHAR(20) NOT NULL,
    progress INT NOT NULL,
    current_agent VARCHAR(100),
    error_code VARCHAR(50),
    error_message TEXT,
    created_at DATETIME NOT NULL DEFAULT (now()),
    upload_started_at DATETIME,
    processing_started_at DATETIME,
    completed_at DATETIME,
    failed_at DATETIME,
    cancelled_at DATETIME,
    expired_at DATETIME,
    updated_at DATETIME NOT NULL DEFAULT (now()),
    s3_cleaned BOOL NOT NULL,
    PRIMARY KEY (task_id),
    KEY ix_tasks_task_id (task_id),
    KEY ix_tasks_user_id (user_id),
    KEY ix_tasks_tool_id (tool_id),
    KEY ix_tasks_status (status),
    CONSTRAINT tasks_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS credit_wallets (
    id INT NOT NULL AUTO_INCREMENT,
    user_id INT NOT NULL,
    balance_credits INT NOT NULL,
    created_at DATETIME NOT NULL DEFAULT (now()),
    updated_at DATETIME NOT NULL DEFAULT (now()),
    PRIMARY KEY (id),
    UNIQUE KEY ix_credit_wallets_user_id (user_id),
    KEY ix_credit_wallets_id (id),
    CONSTRAINT credit_wallets_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT check_balance_non_negative CHECK (balance_credits >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS credit_transactions (
    id VARCHAR(26) NOT NULL,
    user_id INT NOT NULL,
    delta_credits INT NOT NULL,
    type VARCHAR(50) NOT NULL,
    reason VARCHAR(500),
    agent_id VARCHAR(100),
    tool_id VARCHAR(100),
    analysis_id VARCHAR(100),
    stripe_checkout_session_id VARCHAR(255),
    stripe_payment_intent_id VARCHAR(255),
    stripe_event_id VARCHAR(255),
    created_at DATETIME NOT NULL DEFAULT (now()),
    PRIMARY KEY (id),
    UNIQUE KEY stripe_checkout_session_id (stripe_checkout_session_id),
    UNIQUE KEY stripe_payment_intent_id (stripe_payment_intent_id),
    KEY ix_credit_transactions_user_id (user_id),
    KEY ix_credit_transactions_agent_id (agent_id),
    KEY ix_credit_transactions_id (id),
    KEY ix_credit_transactions_stripe_event_id (stripe_event_id),
    CONSTRAINT credit_transactions_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS agent_costs (
    agent_id VARCHAR(100) NOT NULL,
    cost INT NOT NULL,
    description VARCHAR(255),
    created_at DATETIME NOT NULL DEFAULT (now()),
    updated_at DATETIME NOT NULL DEFAULT (now()),
    PRIMARY KEY (agent_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS profiles (
    id INT NOT NULL AUTO_INCREMENT,
    user_id INT NOT NULL,
    display_name VARCHAR(100),
    public_handle VARCHAR(50),
    company_name VARCHAR(150),
    industry_vertical VARCHAR(100),
    business_email VARCHAR(255),
    created_at DATETIME NOT NULL DEFAULT (now()),
    updated_at DATETIME NOT NULL DEFAULT (now()),
    PRIMARY KEY (id),
    UNIQUE KEY ix_profiles_user_id (user_id),
    UNIQUE KEY ix_profiles_public_handle (public_handle),
    KEY ix_profiles_id (id),
    CONSTRAINT profiles_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE IF NOT EXISTS stripe_webhook_events (
    id INT NOT NULL AUTO_INCREMENT,
    stripe_event_id VARCHAR(255) NOT NULL,
    event_type VARCHAR(100) NOT NULL,
    received_at DATETIME NOT NULL DEFAULT (now()),
    processed_at DATETIME,
    payload_json JSON,
    PRIMARY KEY (id),
    UNIQUE KEY ix_stripe_webhook_events_stripe_event_id (stripe_event_id),
    KEY ix_stripe_webhook_events_id (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
