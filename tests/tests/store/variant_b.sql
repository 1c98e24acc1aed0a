-- Tables as hand-written migrations made them in older installations (platform.md 2.1, variant B): what differs from
-- variant A in tables that the worker uses.

CREATE TABLE users (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    email VARCHAR(255) NOT NULL UNIQUE,
    hashed_password VARCHAR(255) NULL,
    full_name VARCHAR(100) NOT NULL,
    auth_provider VARCHAR(20) NOT NULL DEFAULT 'local',
    google_id VARCHAR(255) NULL UNIQUE,
    profile_picture VARCHAR(500) NULL,
    stripe_customer_id VARCHAR(255) NULL UNIQUE,
    is_active BOOLEAN NOT NULL,
    is_verified BOOLEAN NOT NULL,
    otp_code VARCHAR(6) NULL,
    otp_expires_at DATETIME NULL,
    otp_type VARCHAR(50) NULL,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    INDEX idx_users_google_id (google_id),
    INDEX idx_users_auth_provider (auth_provider)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE tasks (
    task_id VARCHAR(36) NOT NULL PRIMARY KEY COMMENT 'UUID',
    user_id INT NOT NULL,
    tool_id VARCHAR(50) NOT NULL,
    agents JSON NOT NULL COMMENT 'agent ids',
    status VARCHAR(20) NOT NULL DEFAULT 'CREATED',
    progress INT NOT NULL DEFAULT 0,
    current_agent VARCHAR(100) NULL,
    error_code VARCHAR(50) NULL,
    error_message TEXT NULL,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    upload_started_at DATETIME NULL,
    processing_started_at DATETIME NULL,
    completed_at DATETIME NULL,
    failed_at DATETIME NULL,
    cancelled_at DATETIME NULL,
    expired_at DATETIME NULL,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    s3_cleaned BOOLEAN NOT NULL DEFAULT FALSE,
    INDEX idx_tasks_user_id (user_id),
    INDEX idx_tasks_status (status),
    INDEX idx_tasks_user_status (user_id, status),
    INDEX idx_tasks_created_at (created_at),
    INDEX idx_tasks_tool_id (tool_id),
    CONSTRAINT fk_task_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE credit_wallets (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id INT NOT NULL,
    balance_credits INT NOT NULL DEFAULT 0,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    UNIQUE INDEX idx_credit_wallets_user_id (user_id),
    CONSTRAINT check_balance_non_negative CHECK (balance_credits >= 0),
    CONSTRAINT credit_wallets_ibfk_1 FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE agent_costs (
    agent_id VARCHAR(100) NOT NULL PRIMARY KEY,
    cost INT NOT NULL,
    description VARCHAR(255) NULL,
    created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
