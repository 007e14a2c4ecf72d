//! What is looked at again after a yes, and what it was a yes to.

use super::*;

#[test]
fn workspace_that_may_be_written_is_saved_after_the_yes_and_not_before() {
    let scene = scene().asks(true);
    let approved = scene.approved();
    assert_eq!(scene.saved.load(Ordering::Relaxed), 0, "who asks and is refused flushes nothing");
    let finished = scene.executor().run(approved, NOW, &());
    assert_eq!(finished.snapshot.as_deref(), Some("snapshot-1"));
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 });
}

#[test]
fn workspace_when_saved_for_a_run_that_has_an_id_is_labelled_with_it() {
    struct Known;
    impl Observer for Known {
        fn run_id(&self) -> Option<String> {
            Some("run_0123456789abcdef".to_owned())
        }
    }
    let scene = scene().asks(true);
    scene.executor().run(scene.approved(), NOW, &Known);
    scene.executor().run(scene.approved(), NOW, &());
    assert_eq!(*scene.labels.lock().unwrap(), ["before run_0123456789abcdef", "before a command"]);
}

#[test]
fn workspace_when_it_cannot_be_saved_runs_nothing() {
    let reason = "the workspace could not be saved, so nothing was run: the disk is full; free some space";
    let mut scene = scene().asks(true);
    scene.fails_at = 1;
    let approved = scene.approved();
    let finished = scene.executor().run(approved, NOW, &());
    assert_eq!(finished.outcome, refused(Layer::Sandbox, reason));
    assert_eq!(scene.started(), 0);
}

#[test]
fn request_when_its_time_is_over_is_not_run() {
    let scene = scene();
    for now in [NOW.plus_seconds(300), NOW.plus_seconds(9_000), NOW.minus_seconds(1)] {
        let approved = scene.prepare().unwrap().allowed().unwrap();
        let finished = scene.executor().run(approved, now, &());
        let reason = "the time to run this request is over; ask again";
        assert_eq!(finished.outcome, refused(Layer::Expired, reason));
    }
    assert_eq!(scene.started(), 0);
    let approved = scene.prepare().unwrap().allowed().unwrap();
    let last = Timestamp::from_millis(NOW.millis() + 299_999);
    assert_eq!(scene.executor().run(approved, last, &()).outcome, Outcome::Exited { code: 0 });
}

#[test]
fn policy_when_it_changed_since_is_not_run() {
    let scene = scene();
    let approved = scene.prepare().unwrap().allowed().unwrap();
    scene.policy.store(1, Ordering::Relaxed);
    let finished = scene.executor().run(approved, NOW, &());
    let reason = "the policy is not the one that judged the command; ask again";
    assert_eq!((finished.outcome, scene.started()), (refused(Layer::Policy, reason), 0));
}

#[test]
fn program_when_it_changed_since_is_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let tools = tempfile::tempdir().unwrap();
    let tool = tools.path().canonicalize().unwrap().join("echo");
    let write = |text: &str| {
        std::fs::write(&tool, text).unwrap();
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("one");
    let mut scene = scene();
    scene.settings.path = vec![tool.parent().unwrap().to_owned()];
    let approved = scene.prepare().unwrap().allowed().unwrap();
    write("two");
    let finished = scene.executor().run(approved, NOW, &());
    let reason =
        format!("the program {} is not what it was when the command was judged; ask again", tool.display());
    assert_eq!((finished.outcome, scene.started()), (refused(Layer::Policy, &reason), 0));
}

#[test]
fn program_or_policy_when_changed_while_the_workspace_is_saved_is_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let tools = tempfile::tempdir().unwrap();
    let tool = tools.path().canonicalize().unwrap().join("echo");
    let write = |path: &std::path::Path, text: &str| {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write(&tool, "one");
    let mut scene = scene().asks(true);
    scene.settings.path = vec![tool.parent().unwrap().to_owned()];
    let approved = scene.approved();
    let (other, swapped) = (tool.with_extension("new"), tool.clone());
    write(&other, "two");
    *scene.during_saving.lock().unwrap() = Some(Box::new(move || std::fs::rename(&other, &swapped).unwrap()));
    let finished = scene.executor().run(approved, NOW, &());
    let reason =
        format!("the program {} is not what it was when the command was judged; ask again", tool.display());
    assert_eq!((finished.outcome, scene.started()), (refused(Layer::Policy, &reason), 0));
    let approved = scene.approved();
    let policy = Arc::clone(&scene.policy);
    *scene.during_saving.lock().unwrap() = Some(Box::new(move || policy.store(7, Ordering::Relaxed)));
    let finished = scene.executor().run(approved, NOW, &());
    let reason = "the policy is not the one that judged the command; ask again";
    assert_eq!((finished.outcome, scene.started()), (refused(Layer::Policy, reason), 0));
}

#[test]
fn programs_of_an_image_are_named_and_the_image_is_pinned() {
    let mut scene = scene();
    let image =
        |text: &str| Binary { path: "image:tools".to_owned(), sha256: Digest::of(&[text.as_bytes()]) };
    if let Some(Plan::Steps(steps)) = &mut scene.verdict.plan {
        steps[0].pipeline[0].name = "only-in-the-image".to_owned();
    }
    let stub = Arc::new(stub(Tier::Container(crate::Engine::Docker)));
    *stub.image.lock().unwrap() = Some(image("one"));
    scene.stub = Some(Arc::clone(&stub));
    let prepared = scene.prepare().unwrap();
    assert_eq!(prepared.request().binaries, [image("one")]);
    assert!(prepared.request().plan.commands().all(|argv| argv.program == "only-in-the-image"));
    let approved = prepared.allowed().unwrap();
    *stub.image.lock().unwrap() = Some(image("two"));
    let reason = "the image is not the one that was there when the command was judged; ask again";
    assert_eq!(scene.executor().run(approved, NOW, &()).outcome, refused(Layer::Policy, reason));
}

#[test]
fn value_that_the_operator_passes_in_is_a_secret_in_what_is_printed() {
    let mut scene = scene();
    let value = ["Zk3vQ8", "pLw92xTn", "Rb71"].concat();
    scene.settings.environment =
        [("DEPLOY_TOKEN".to_owned(), value.clone()), ("CARGO_HOME".to_owned(), "/opt/cargo".to_owned())]
            .into();
    if let Some(Plan::Steps(steps)) = &mut scene.verdict.plan {
        steps[0].pipeline[0].arguments = vec![format!("bare {value} in /opt/cargo\n")];
    }
    let approved = scene.prepare().unwrap().allowed().unwrap();
    let finished = scene.executor().run(approved, NOW, &());
    assert!(!finished.stdout.head.contains(&value), "{}", finished.stdout.head);
    assert!(finished.stdout.head.contains("in /opt/cargo\n"));
}

/// Every value in a tree, by the way to it.
fn leaves(value: &Value, way: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{way}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{way}/{at}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => found.push(way.to_owned()),
    }
}

#[test]
fn request_when_any_of_its_fields_is_changed_has_another_hash() {
    let mut scene = scene().asks(true);
    scene.settings.readable = vec!["/opt".into()];
    scene.settings.hidden = vec!["/var/lib/mab".into()];
    let prepared = scene.prepare().unwrap();
    let whole = serde_json::to_value(prepared.request()).unwrap();
    let hash = |value: &Value| {
        let canonical = crate::jcs::canonical(value).unwrap();
        Digest::of(&[b"mab.exec.v1\0", canonical.as_bytes()])
    };
    assert_eq!(&hash(&whole), prepared.hash().digest());
    let mut ways = Vec::new();
    leaves(&whole, "", &mut ways);
    for field in [
        "command/text",
        "plan/steps/0/link",
        "profile/limits/time_s",
        "profile/environment/PATH",
        "binaries/0/sha256",
        "obeys/more",
        "policy_digest",
        "snapshot",
        "nonce",
        "expires_at",
        "agent",
        "tier",
        "preview",
        "mode",
    ] {
        assert!(ways.contains(&format!("/{field}")), "{field} is not in {ways:?}");
    }
    let mut seen = std::collections::HashSet::from([hash(&whole)]);
    for way in &ways {
        let mut changed = whole.clone();
        let leaf = changed.pointer_mut(way).unwrap();
        *leaf = match leaf.clone() {
            Value::String(text) => Value::String(format!("{text}x")),
            Value::Number(number) => (number.as_i64().unwrap() + 1).into(),
            Value::Bool(claim) => Value::Bool(!claim),
            Value::Null => Value::String(String::new()),
            Value::Array(_) | Value::Object(_) => unreachable!("no leaf"),
        };
        assert!(seen.insert(hash(&changed)), "{way}");
    }
}

#[test]
fn request_when_made_twice_is_never_the_same() {
    let scene = scene();
    let one = scene.executor().prepare(&scene.ask, &scene.workspace, NOW, [1; 16]).unwrap();
    let other = scene.executor().prepare(&scene.ask, &scene.workspace, NOW, [2; 16]).unwrap();
    assert_ne!(one.hash(), other.hash());
}
