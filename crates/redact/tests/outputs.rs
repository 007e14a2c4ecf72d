//! What commands print in everyday work: nothing of it is a secret, and nothing of it may go.

use mab_redact::Redactor;

/// A name and what is printed; `{n}` counts, `{hex}` is a digest of 40 digits, `{short}` its beginning.
const OUTPUTS: &[(&str, &str)] = &[
    (
        "env",
        "SHELL=/bin/bash\nPWD=/srv/Build1/mab-run-{n}/My2\nLOGNAME=root\nHOME=/root\nLANG=C.UTF-8\n\
         LS_COLORS=rs=0:di=01;34:ln=01;36:*.tar=01;31\nTERM=xterm-256color\nSHLVL={n}\nOLDPWD=/tmp/tmp.k3Jd9A\n\
         XDG_SESSION_ID={n}\nPATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/bin\n_=/usr/bin/env\n",
    ),
    (
        "export -p",
        "declare -x OLDPWD=\"/srv/A1/b{n}\"\ndeclare -x PWD=\"/srv/Cargo.lock1/s7\"\ndeclare -x SHLVL=\"1\"\n",
    ),
    (
        "env; ls",
        "PWD=/srv/G1t/s7/out2.txt\nG1t\nbuild{n}\nMy1\n0\n.:\ntotal 0\n-rw-r--r-- 1 root root 0 Nov 22 10:00 a{n}\n",
    ),
    (
        "ls -la",
        "total {n}\ndrwxr-xr-x  9 root root  4096 Nov 23 00:33 .\n-rw-r--r--  1 me staff {n} Nov 23 00:33 Cargo.lock\n\
         lrwxrwxrwx  1 root root    12 Nov 23 00:33 current -> ../releases/{n}\n-rwxr-x--- 1 1001 1001 7 Jan  1  2026 token.rs\n",
    ),
    (
        "ls -1",
        "passwords.md\nsecret_{n}.rs\ntoken-store\nREADME.md\ntarget\nindex-{short}.js\nlibmab-{short}.rlib\n",
    ),
    (
        "cargo",
        "    Updating registry index\n  Downloaded proc-macro2 v1.0.{n}\n   Compiling secrecy v0.10.{n}\n\
         \u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m tokenizers v0.{n}.1 (/srv/work/crates/tokenizers)\nwarning: unused variable: `token`\n  \
         --> src/token.rs:{n}:13\n   |\n{n} |     let token = lexer.next();\n   |         ^^^^^ help: prefix it with an underscore: `_token`\n\n\
         \r    Building [=====>     ] {n}/300: syn, serde\r    Building [======>    ] {n}/300: regex-automata\r\
         test judge::password_when_short_is_denied ... ok\ntest result: ok. {n} passed; 0 failed; finished in 0.{n}s\n     \
         Running unittests src/lib.rs (target/debug/deps/mab_exec-{short}a1b2c3)\n    Finished `dev` profile in {n}.02s\n",
    ),
    (
        "npm",
        "npm warn deprecated inflight@1.0.{n}: This module is not supported\nadded {n} packages, and audited {n} packages in 12s\n\
         \n> site@1.{n}.0 build\n> vite build\n\nvite v5.4.{n} building for production...\n\u{2713} {n} modules transformed.\n\
         dist/assets/index-BkX9z{n}Qa.js   143.{n} kB \u{2502} gzip: 46.{n} kB\nfound 0 vulnerabilities\nTokens: {n} used\n",
    ),
    (
        "pytest",
        "platform linux -- Python 3.12.{n}, pytest-8.3.{n}, pluggy-1.5.0\nrootdir: /srv/work\ncollected {n} items\n\n\
         tests/test_auth.py::test_password_is_hashed[bcrypt-{n}] PASSED           [ {n}%]\n\
         tests/test_token.py ....F...s.                                           [100%]\n\
         E       assert token.kind == 'access'\nE       AttributeError: 'NoneType' object has no attribute 'password'\n\
         ========================= {n} passed, 1 failed in 3.{n}s =========================\n",
    ),
    (
        "git log",
        "commit {hex}\nMerge: {short} {short}\nAuthor: A Person <person@example.org>\nDate:   Mon Nov 23 00:{n}:52 2026 +0000\n\n    \
         exec: the password prompt of T{n} is gone (#{n})\n\n * [new branch]  main -> origin/main\n   {short}..{short}  main -> main\n",
    ),
    (
        "git log --oneline",
        "{short} exec: tokens are read once\n{short} (HEAD -> main, tag: v1.{n}) docs: secrets, as typed\n",
    ),
    (
        "git clone",
        "Cloning into 'x'...\nremote: Counting objects:   1% (1/{n})\rremote: Counting objects:  50% ({n}/{n})\rremote: done.\n\
         Receiving objects:  33% ({n}/9000), 1.{n} MiB | 2.00 MiB/s\rReceiving objects: 100% (9000/9000), done.\n",
    ),
    (
        "docker ps",
        "CONTAINER ID   IMAGE           COMMAND                  CREATED       STATUS       PORTS                    NAMES\n\
         {short}00ff1   postgres:16.{n}   \"docker-entrypoint.s\u{2026}\"   3 hours ago   Up 3 hours   0.0.0.0:5432->5432/tcp   db_{n}\n",
    ),
    (
        "docker pull",
        "{short}a1b2c: Pull complete\nDigest: sha256:{hex}{hex32}\nStatus: Downloaded newer image for redis:{n}\n",
    ),
    ("sha256sum", "{hex}{hex32}  target/mab-{n}\n{hex}  README.md\n"),
    (
        "find -print0",
        "./src/main{n}.rs\0./src/Token{n}.rs\0./target/debug/deps/libmab-{short}.rlib\0./Cargo.lock\0",
    ),
    ("git ls-files -z", "crates/exec/src/run{n}.rs\0crates/A1/x{n}.rs\0docs/B2c3.md\0"),
    ("environ", "HOME=/root\0PWD=/srv/A1/b{n}\0SHLVL=1\0TERM=dumb\0PATH=/usr/bin:/bin\0LANG=C.UTF-8\0"),
    (
        "man",
        "N\u{8}NA\u{8}AM\u{8}ME\u{8}E\n       l\u{8}ls\u{8}s - list directory contents, page {n}\n_\u{8}F_\u{8}I_\u{8}L_\u{8}E\n",
    ),
    (
        "fields",
        "id\u{1f}{short}\u{1f}A Person\u{1f}{n}\u{1e}35=D\u{1}49=SENDER{n}\u{1}56=TARGET\u{1}38=100\u{1}\n\u{c}next page\n",
    ),
    (
        "make",
        "cc -O2 -DNDEBUG -Wall -c -o build/passwd{n}.o src/passwd{n}.c\nar rcs libauth.a build/passwd{n}.o\nmake[1]: Leaving directory '/srv/w{n}'\n",
    ),
    (
        "ps",
        "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\nroot       {n}  0.0  0.1  21944  3{n} ?  Ss  Nov22 0:0{n} /sbin/init\n",
    ),
    (
        "df",
        "Filesystem     1K-blocks      Used Available Use% Mounted on\noverlay        1055762868 {n} 909{n} 10% /\n",
    ),
    (
        "curl -v",
        "* Connected to example.org (203.0.113.7) port 443\n< HTTP/2 200\r\n< etag: \"{short}-{n}\"\r\n< content-length: {n}\r\n\r\n",
    ),
    (
        "go test",
        "ok  \texample.org/auth/token\t0.{n}s\tcoverage: 81.5% of statements\n--- PASS: TestPassword/{n} (0.0{n}s)\n",
    ),
];

/// A number without meaning, the same each time.
#[cfg(test)]
fn digits(seed: usize, radix_digits: &[u8], length: usize) -> String {
    let mut state = seed as u64 + 0x9E37_79B9_7F4A_7C15;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 40).unwrap() % radix_digits.len()
    };
    (0..length).map(|_| char::from(radix_digits[next()])).collect()
}

#[cfg(test)]
fn filled(output: &str, turn: usize) -> String {
    let hex = |length| digits(turn, b"0123456789abcdef", length);
    output
        .replace("{n}", &(turn * 7 % 1000).to_string())
        .replace("{hex32}", &hex(24))
        .replace("{hex}", &hex(40))
        .replace("{short}", &hex(7))
}

#[test]
fn output_when_ordinary_then_unchanged() {
    let redactor = Redactor::new();
    for (name, output) in OUTPUTS {
        for turn in 0..20 {
            let text = filled(output, turn);
            let found = redactor.redact(&text).unwrap().findings;
            let found: Vec<_> =
                found.iter().map(|found| (&found.rule, &text[found.start..found.end])).collect();
            assert!(found.is_empty(), "{name}: {found:?}");
        }
    }
}

#[test]
fn output_when_ordinary_and_of_thousands_of_lines_then_unchanged() {
    let redactor = Redactor::new();
    for (name, output) in OUTPUTS {
        let text: String = (0..300).map(|turn| filled(output, turn)).collect();
        let redaction = redactor.redact(&text).unwrap();
        assert!(redaction.text.as_str() == text, "{name}: {:?}", redaction.findings.first());
    }
    let text: String =
        (0..60).flat_map(|turn| OUTPUTS.iter().map(move |(_, output)| filled(output, turn))).collect();
    assert_eq!(redactor.redact(&text).unwrap().findings, []);
}

#[test]
fn folder_of_a_shell_when_secrets_stand_around_it_then_only_they_go() {
    let value = concat!("9fKx2LmQ", "7vRtYb4W");
    let printed = format!("PWD=/srv/My1/x\nDB_PWD={value}\nOLDPWD=/srv/Old2\nG1t\nb2\n.:\ntotal 0\n");
    let expected = "PWD=/srv/My1/x\nDB_PWD=PASSWORD_REDACTED\nOLDPWD=/srv/Old2\nG1t\nb2\n.:\ntotal 0\n";
    assert_eq!(Redactor::new().redact(&printed).unwrap().text.as_str(), expected);
    let told = format!("PWD={value}\npwd=/{value}\n");
    assert_eq!(Redactor::new().redact(&told).unwrap().findings.len(), 2);
}
