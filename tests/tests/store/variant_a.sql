-- What SHOW CREATE TABLE must answer after the migration, on MariaDB (platform.md 2.1, variant A).

CREATE TABLE `users` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `email` varchar(255) NOT NULL,
  `hashed_password` varchar(255) DEFAULT NULL,
  `full_name` varchar(100) NOT NULL,
  `auth_provider` varchar(20) NOT NULL,
  `google_id` varchar(255) DEFAULT NULL,
  `profile_picture` varchar(500) DEFAULT NULL,
  `stripe_customer_id` varchar(255) DEFAULT NULL,
  `is_active` tinyint(1) NOT NULL,
  `is_verified` tinyint(1) NOT NULL,
  `otp_code` varchar(6) DEFAULT NULL,
  `otp_expires_at` datetime DEFAULT NULL,
  `otp_type` varchar(50) DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT current_timestamp(),
  `updated_at` datetime NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`),
  UNIQUE KEY `ix_users_email` (`email`),
  UNIQUE KEY `ix_users_google_id` (`google_id`),
  UNIQUE KEY `ix_users_stripe_customer_id` (`stripe_customer_id`),
  KEY `ix_users_id` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `tasks` (
  `task_id` varchar(36) NOT NULL,
  `user_id` int(11) NOT NULL,
  `tool_id` varchar(50) NOT NULL,
  `agents` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL CHECK (json_valid(`agents`)),
  `status` varchar(20) NOT NULL,
  `progress` int(11) NOT NULL,
  `current_agent` varchar(100) DEFAULT NULL,
  `error_code` varchar(50) DEFAULT NULL,
  `error_message` text DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT current_timestamp(),
  `upload_started_at` datetime DEFAULT NULL,
  `processing_started_at` datetime DEFAULT NULL,
  `completed_at` datetime DEFAULT NULL,
  `failed_at` datetime DEFAULT NULL,
  `cancelled_at` datetime DEFAULT NULL,
  `expired_at` datetime DEFAULT NULL,
  `updated_at` datetime NOT NULL DEFAULT current_timestamp(),
  `s3_cleaned` tinyint(1) NOT NULL,
  PRIMARY KEY (`task_id`),
  KEY `ix_tasks_task_id` (`task_id`),
  KEY `ix_tasks_user_id` (`user_id`),
  KEY `ix_tasks_tool_id` (`tool_id`),
  KEY `ix_tasks_status` (`status`),
  CONSTRAINT `tasks_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `credit_wallets` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11) NOT NULL,
  `balance_credits` int(11) NOT NULL,
  `created_at` datetime NOT NULL DEFAULT current_timestamp(),
  `updated_at` datetime NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`),
  UNIQUE KEY `ix_credit_wallets_user_id` (`user_id`),
  KEY `ix_credit_wallets_id` (`id`),
  CONSTRAINT `credit_wallets_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`),
  CONSTRAINT `check_balance_non_negative` CHECK (`balance_credits` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `credit_transactions` (
  `id` varchar(26) NOT NULL,
  `user_id` int(11) NOT NULL,
  `delta_credits` int(11) NOT NULL,
  `type` varchar(50) NOT NULL,
  `reason` varchar(500) DEFAULT NULL,
  `agent_id` varchar(100) DEFAULT NULL,
  `tool_id` varchar(100) DEFAULT NULL,
  `analysis_id` varchar(100) DEFAULT NULL,
  `stripe_checkout_session_id` varchar(255) DEFAULT NULL,
  `stripe_payment_intent_id` varchar(255) DEFAULT NULL,
  `stripe_event_id` varchar(255) DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`),
  UNIQUE KEY `stripe_checkout_session_id` (`stripe_checkout_session_id`),
  UNIQUE KEY `stripe_payment_intent_id` (`stripe_payment_intent_id`),
  KEY `ix_credit_transactions_user_id` (`user_id`),
  KEY `ix_credit_transactions_agent_id` (`agent_id`),
  KEY `ix_credit_transactions_id` (`id`),
  KEY `ix_credit_transactions_stripe_event_id` (`stripe_event_id`),
  CONSTRAINT `credit_transactions_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `agent_costs` (
  `agent_id` varchar(100) NOT NULL,
  `cost` int(11) NOT NULL,
  `description` varchar(255) DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT current_timestamp(),
  `updated_at` datetime NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`agent_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `profiles` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `user_id` int(11) NOT NULL,
  `display_name` varchar(100) DEFAULT NULL,
  `public_handle` varchar(50) DEFAULT NULL,
  `company_name` varchar(150) DEFAULT NULL,
  `industry_vertical` varchar(100) DEFAULT NULL,
  `business_email` varchar(255) DEFAULT NULL,
  `created_at` datetime NOT NULL DEFAULT current_timestamp(),
  `updated_at` datetime NOT NULL DEFAULT current_timestamp(),
  PRIMARY KEY (`id`),
  UNIQUE KEY `ix_profiles_user_id` (`user_id`),
  UNIQUE KEY `ix_profiles_public_handle` (`public_handle`),
  KEY `ix_profiles_id` (`id`),
  CONSTRAINT `profiles_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE `stripe_webhook_events` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `stripe_event_id` varchar(255) NOT NULL,
  `event_type` varchar(100) NOT NULL,
  `received_at` datetime NOT NULL DEFAULT current_timestamp(),
  `processed_at` datetime DEFAULT NULL,
  `payload_json` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`payload_json`)),
  PRIMARY KEY (`id`),
  UNIQUE KEY `ix_stripe_webhook_events_stripe_event_id` (`stripe_event_id`),
  KEY `ix_stripe_webhook_events_id` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
