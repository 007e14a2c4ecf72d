//! Limits for agents with one permission: `limits.<permission>.<limit>`, where they differ from the general ones.

use mab_core::{agent::Permission, limit::Limit};

use super::{Field, Key};

/// One row.
macro_rules! key {
    ($permission:ident, $name:literal, $limit:ident, $limit_name:literal) => {
        Key {
            name: concat!("limits.", $name, ".", $limit_name),
            unit: "calls",
            help: concat!("As limits.", $limit_name, ", for each ", $name, "."),
            default: concat!("limits.", $limit_name),
            field: Field::OfPermission(Permission::$permission, Limit::$limit),
        }
    };
}

/// The rows of one permission.
macro_rules! of {
    ($permission:ident, $name:literal) => {
        [
            key!($permission, $name, SendPerMinute, "send_per_minute"),
            key!($permission, $name, SendPerHour, "send_per_hour"),
            key!($permission, $name, SendPerDay, "send_per_day"),
            key!($permission, $name, ReadPerMinute, "read_per_minute"),
            key!($permission, $name, ExecutePerMinute, "execute_per_minute"),
            key!($permission, $name, ExecutePerHour, "execute_per_hour"),
            key!($permission, $name, RefusedCallsPerMinute, "refused_calls_per_minute"),
            key!($permission, $name, RefusalsPerMinute, "refusals_per_minute"),
        ]
    };
}

/// All of them, permission by permission.
pub(super) static OF_PERMISSIONS: [[Key; 8]; 6] = [
    of!(Owner, "owner"),
    of!(Moderator, "moderator"),
    of!(Member, "member"),
    of!(Approver, "approver"),
    of!(Observer, "observer"),
    of!(Auditor, "auditor"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_of_every_permission_has_its_row() {
        let windows = || Limit::ALL.iter().filter(|limit| limit.window().is_some());
        let expected = Permission::ALL.iter().flat_map(|permission| {
            windows().map(move |limit| format!("limits.{}.{}", permission.as_str(), limit.as_str()))
        });
        assert!(expected.eq(OF_PERMISSIONS.iter().flatten().map(|key| key.name.to_owned())));
        for (rows, permission) in OF_PERMISSIONS.iter().zip(Permission::ALL) {
            for (row, limit) in rows.iter().zip(windows()) {
                assert!(matches!(row.field, Field::OfPermission(p, l) if (p, l) == (*permission, *limit)));
            }
        }
    }
}
