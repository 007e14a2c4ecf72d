//! One file per operation. To add one: a file here, a line below, a row in `table.rs`.

pub(crate) mod audit;
pub(crate) mod audit_checkpoint;
pub(crate) mod audit_export;
pub(crate) mod audit_verify;
pub(crate) mod check_messages;
pub(crate) mod check_partner_status;
pub(crate) mod cleanup;
pub(crate) mod create_conversation;
pub(crate) mod invite_agent;
pub(crate) mod join_conversation;
pub(crate) mod keys;
pub(crate) mod lease_check;
pub(crate) mod leases;
pub(crate) mod list;
pub(crate) mod list_conversations;
pub(crate) mod reserve_files;
pub(crate) mod resume;
pub(crate) mod search_messages;
pub(crate) mod send_to_partner;
pub(crate) mod show;
pub(crate) mod store_info;
pub(crate) mod tokens;
pub(crate) mod update_my_status;
pub(crate) mod watch_inbox;
