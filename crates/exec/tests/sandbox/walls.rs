//! Walls that an attacker found holes in, each by name.

use std::{
    fs::File,
    io::Read as _,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    sync::atomic::{AtomicBool, Ordering},
};

use mab_exec::{Ending, GitAccess, Limits, Profile, Stage, Tier, View};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::bench::{Space, end, one, run, sandbox, shell, start};

#[test]
fn folder_when_swapped_for_a_link_while_it_is_mounted_binds_nothing_of_the_host() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let victim = space.path.with_file_name("victim");
    std::fs::create_dir_all(victim.join(".git")).unwrap();
    std::fs::write(victim.join("secret"), "marker").unwrap();
    std::os::unix::fs::symlink("../victim", space.path.join("lnk")).unwrap();
    space.write("a/.git/HEAD", "x");
    let (one, other) = (space.path.join("a"), space.path.join("lnk"));
    let is_over = AtomicBool::new(false);
    let mut outcomes = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for _ in 0..150 {
            let plan = shell("for d in a lnk; do echo x > $d/PLANTED; cat $d/secret; done");
            let stage = Stage { plan: &plan, binaries: &[], profile: &space.writing(), view: &View::Direct };
            match sandbox.start(&stage) {
                Ok(running) => {
                    let ran = crate::bench::ran(running);
                    assert!(!ran.stdout.contains("marker"), "{ran:?}");
                    outcomes[0] += 1;
                }
                Err(_) => outcomes[1] += 1,
            }
            assert!(!victim.join("PLANTED").exists());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    println!("{} ran, {} were refused", outcomes[0], outcomes[1]);
    assert_eq!(outcomes.iter().sum::<i32>(), 150);
}

#[test]
fn workspace_when_another_command_writes_there_is_busy_but_can_be_read() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let mut first = start(&*sandbox, &shell("echo on; while [ ! -e done ]; do :; done"), &space.writing());
    let [mut stdout, _stderr] = first.take_outputs().unwrap().map(File::from);
    stdout.read_exact(&mut [0; 3]).unwrap();
    let (plan, profile) = (one(&["touch", "second"]), space.writing());
    let Err(refused) =
        sandbox.start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct })
    else {
        panic!("it was started")
    };
    assert!(refused.reason.contains("another command is running in this workspace"), "{refused}");
    assert!(refused.reason.contains(&format!("process {}", std::process::id())), "{refused}");
    assert_eq!(run(&*sandbox, &one(&["ls"]), &space.reading()).code(), 0);
    space.write("done", "");
    end(&mut *first);
    drop(first);
    assert_eq!(run(&*sandbox, &plan, &profile).code(), 0);
    assert_eq!(space.names(), ["done", "second"]);
}

#[test]
fn set_user_id_when_put_on_a_file_in_any_way_is_refused() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let text = r#"cp /bin/true a; chmod 4755 a; chmod g+s a; mkdir d; chmod 2775 d; install -m 6755 a b
perl -e 'use Fcntl; umask 0; sysopen(F, "c", O_CREAT|O_WRONLY, 04755); sysopen(G, "e", O_CREAT|O_WRONLY, 02755);
  for ([133, "f", 0104755, 0], [437, -100, "g", pack("QQQ", 0101, 06755, 0), 24], [83, "h", 06755], [85, "i", 04755],
    [257, -100, ".", 020200002, 04755]) { my @a = map { my $x = $_; $x } @$_; syscall($a[0], @a[1..$#a]) }'
chmod 755 a; chmod 1777 d; echo on"#;
    let ran = run(&*sandbox, &shell(text), &space.writing());
    assert_eq!(ran.stdout, "on\n", "{ran:?}");
    for entry in std::fs::read_dir(&space.path).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o6000, 0, "{:?} {mode:o}", entry.path());
    }
    let mode = |name: &str| std::fs::metadata(space.path.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("a"), mode("d")), (0o755, 0o1777));
}

#[test]
fn repository_when_an_operation_is_planted_in_it_has_none_under_way() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let profile = Profile { git: GitAccess::Commit, ..space.writing() };
    let git = "git -c user.name=x -c user.email=x@x.invalid -c init.defaultBranch=main";
    run(&*sandbox, &shell(&format!("{git} init -q new")), &profile);
    std::fs::rename(space.path.join("new/.git"), space.path.join(".git")).unwrap();
    std::fs::remove_dir(space.path.join("new")).unwrap();
    let ordinary = format!(
        "set -e; echo 1 > f; {git} add f; {git} commit -qm one; {git} switch -qc side; echo 2 > f; {git} commit -qam two
        {git} switch -q main; echo 3 > h; {git} add h; {git} commit -qm three; {git} merge -q --no-edit side
        {git} rebase -q side; {git} stash -q || true; {git} status | head -1"
    );
    let ran = run(&*sandbox, &shell(&ordinary), &profile);
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "On branch main\n"), "{ran:?}");
    let planted = "for d in rebase-merge rebase-apply sequencer; do mkdir .git/$d; echo 'exec evil' > .git/$d/todo; done
        echo '* filter=x' >> .git/info/attributes; echo planted >> .git/info/exclude; mv .git/info .git/i; true";
    run(&*sandbox, &shell(planted), &profile);
    for name in ["rebase-merge", "rebase-apply", "sequencer", "info/attributes", "i"] {
        assert!(!space.path.join(".git").join(name).exists(), "{name}");
    }
    assert!(space.path.join(".git/rebase-merge.set-aside-by-mab-1").exists());
    assert!(!space.read(".git/info/exclude").unwrap_or_default().contains("planted"));
}

#[test]
fn configuration_when_it_names_files_of_the_workspace_makes_them_read_only() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    space.write(".git/HEAD", "ref: refs/heads/main\n");
    space.write(
        ".git/config",
        "[core]\n\thooksPath = tools/hooks\n[include]\n\tpath = ../.team/gitconfig\n[include]\npath=../none/x\n",
    );
    space.write(".team/gitconfig", "[filter \"x\"]\n\tclean = sh bin/clean.sh %f\n\tsmudge = bin/absent\n");
    space.write("bin/clean.sh", "fine");
    space.write("src/main", "fine");
    let attempts = "mkdir -p tools/hooks none; echo evil > tools/hooks/pre-commit; echo evil > .team/gitconfig
        mv .team t; mv tools u; echo evil > bin/clean.sh; rm bin/clean.sh; echo evil > bin/absent; echo evil > none/x
        echo ok > src/main; echo ok > bin/new; true";
    for git in [GitAccess::ReadOnly, GitAccess::Commit] {
        run(&*sandbox, &shell(attempts), &Profile { git, ..space.writing() });
        assert_eq!(space.read("bin/clean.sh").as_deref(), Some("fine"));
        assert!(space.read(".team/gitconfig").unwrap().contains("clean.sh"));
        assert_eq!(space.read("src/main").as_deref(), Some("ok\n"));
        assert_eq!(space.names(), [".git", ".team", "bin", "src"]);
        assert!(space.path.join("bin/new").exists() && !space.path.join("bin/absent").exists());
    }
    space.write(".git/config", "[core]\n\thooksPath = link/hooks\n");
    std::os::unix::fs::symlink("/tmp", space.path.join("link")).unwrap();
    let (plan, profile) = (one(&["true"]), space.writing());
    let Err(refused) =
        sandbox.start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct })
    else {
        panic!("it was started")
    };
    assert!(refused.reason.contains("link/hooks"), "{refused}");
}

#[test]
fn workspace_when_it_has_many_files_is_searched_to_the_end() {
    let space = Space::new();
    for folder in 0..25 {
        for file in 0..1_000 {
            space.write(&format!("many/{folder}/{file}"), "");
        }
    }
    let deep = format!("z/{}", "d/".repeat(40));
    space.write(&format!("{deep}.env"), "marker");
    space.write(&format!("{deep}r/.git/config"), "x");
    for tier in [Tier::Landlock, Tier::Bubblewrap] {
        let Some(sandbox) = sandbox(tier) else { continue };
        let ran = run(&*sandbox, &one(&["grep", "-r", "marker", "z"]), &space.reading());
        assert!(!ran.stdout.contains("marker"), "{tier}: {ran:?}");
        if tier == Tier::Bubblewrap {
            run(&*sandbox, &shell(&format!("echo evil > {deep}r/.git/config")), &space.writing());
            assert_eq!(space.read(&format!("{deep}r/.git/config")).as_deref(), Some("x"));
        }
    }
}

#[test]
fn workspace_when_not_all_can_be_hidden_is_refused_with_what_to_do() {
    let space = Space::new();
    for number in 0..1_100 {
        space.write(&format!("keys/{number}.pem"), "");
    }
    for tier in [Tier::Landlock, Tier::Bubblewrap] {
        let Some(sandbox) = sandbox(tier) else { continue };
        let (plan, profile) = (one(&["true"]), space.reading());
        let Err(refused) =
            sandbox.start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct })
        else {
            panic!("{tier}: it was started")
        };
        assert!(refused.reason.contains("too large to be searched"), "{tier}: {refused}");
        assert!(refused.hint.contains("choose a folder below it"), "{tier}: {refused}");
    }
}

#[test]
fn devices_when_filled_hold_no_more_than_scratch() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let limits = Limits { scratch_bytes: 1 << 20, ..Limits::default() };
    let text =
        "head -c 3000000 /dev/zero > /dev/shm/big; wc -c < /dev/shm/big; echo x > /dev/big && echo wrote
        echo x > /dev/null && head -c 2 /dev/zero | wc -c; python3 -c 'import os; print(len(os.openpty()))'";
    let ran = run(&*sandbox, &shell(text), &Profile { limits, ..space.writing() });
    assert_eq!(ran.stdout, "1048576\n2\n2\n", "{ran:?}");
}

#[test]
fn sockets_and_pipes_of_the_workspace_when_opened_lead_to_nobody() {
    let space = Space::new();
    let _listener = UnixListener::bind(space.path.join("host.sock")).unwrap();
    space.write(".git/HEAD", "x");
    let _other = UnixListener::bind(space.path.join(".git/fsmonitor.ipc")).unwrap();
    rustix::fs::mknodat(CWD, space.path.join("pipe"), rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
    let _reader = File::options().read(true).write(true).open(space.path.join("pipe")).unwrap();
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let text = r#"for s in host.sock .git/fsmonitor.ipc; do
        python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print("reached")' $s; done
        echo x > pipe && echo wrote; true"#;
    for profile in [space.reading(), space.writing()] {
        let ran = run(&*sandbox, &shell(text), &profile);
        assert_eq!(ran.stdout, "", "{ran:?}");
    }
}

#[test]
fn git_folder_when_it_is_no_repository_is_taken_for_a_missing_one() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    std::fs::create_dir(space.path.join(".git")).unwrap();
    let profile = Profile { git: GitAccess::Commit, ..space.writing() };
    let ran = run(&*sandbox, &shell("echo x > .git/config; echo fine > f"), &profile);
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert_eq!(space.read(".git/config"), None);
}

#[test]
fn folder_of_a_protected_path_when_it_is_a_link_refuses_the_run() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    space.write(".git/HEAD", "x");
    std::os::unix::fs::symlink("../..", space.path.join(".git/objects")).unwrap();
    let profile = Profile { git: GitAccess::Commit, ..space.writing() };
    let plan = one(&["true"]);
    let Err(refused) =
        sandbox.start(&Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct })
    else {
        panic!("it was started")
    };
    assert!(refused.reason.contains(".git/objects is a symbolic link"), "{refused}");
}

#[test]
fn repository_inside_protected_settings_when_held_leaves_them_read_only() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    space.write(".claude/plugins/x/.git/config", "x");
    space.write(".claude/settings.json", "{}");
    run(
        &*sandbox,
        &shell("echo evil > .claude/settings.json; echo evil > .claude/new; true"),
        &space.writing(),
    );
    assert_eq!(space.read(".claude/settings.json").as_deref(), Some("{}"));
    assert!(!space.path.join(".claude/new").exists());
}

#[test]
fn folder_around_what_is_hidden_when_moved_stays() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    space.write("a/b/state/db", "marker");
    let profile = Profile { hidden: vec![space.path.join("a/b/state")], ..space.writing() };
    run(&*sandbox, &shell("mv a x; mv a/b y; mkdir -p a/b/state; echo evil > a/b/state/db; true"), &profile);
    assert_eq!(space.read("a/b/state/db").as_deref(), Some("marker"));
    // Moved out of a mount is copied, and what is hidden is not.
    assert!(!space.path.join("x").exists() && space.read("y/state/db").is_none());
}

#[test]
fn limit_when_only_a_child_was_refused_is_no_end_of_the_command() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let limits = Limits { memory_bytes: 64 << 20, processes: 16, ..Limits::default() };
    let text = "(head -c 100000000 /dev/zero | tail -c 90000000 > /dev/null); echo after; exit 3";
    let ran = run(&*sandbox, &shell(text), &Profile { limits, ..space.reading() });
    assert_eq!((ran.ending, ran.stdout.as_str()), (Ending::Exited(3), "after\n"));
}

#[test]
fn repository_when_its_state_lies_elsewhere_in_the_workspace_refuses_what_writes() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let plan = one(&["true"]);
    let refusal = |space: &Space, git: GitAccess| {
        let profile = Profile { git, ..space.writing() };
        let stage = Stage { plan: &plan, binaries: &[], profile: &profile, view: &View::Direct };
        sandbox.start(&stage).err().map(|why| why.reason)
    };
    let space = Space::new();
    space.write(".git", "gitdir: real.git\n");
    space.write("real.git/HEAD", "x");
    let common = Space::new();
    common.write(".git/HEAD", "x");
    common.write(".git/commondir", "../other\n");
    for git in [GitAccess::Commit, GitAccess::ReadOnly] {
        let why = ".git is a file that leads into the workspace";
        assert_eq!(refusal(&space, git).as_deref(), Some(why));
        let why = ".git/commondir leads to another repository";
        assert_eq!(refusal(&common, git).as_deref(), Some(why));
    }
}
