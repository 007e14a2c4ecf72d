use super::*;

#[test]
fn builtin_files_are_valid_and_their_examples_hold() {
    let policy = Policy::empty().with_builtin().unwrap();
    assert!(policy.programs.len() > 80);
    assert_eq!(policy.digest(), Policy::builtin().digest());
}
