//! mab-exec
