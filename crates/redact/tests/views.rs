//! Secrets that are escaped, disguised, wrapped or encoded: what has to disappear, and what has to stay as it is.

use std::fmt::Write;

use mab_redact::{Decodings, Finding, Policy, Redactor, ViewKind};

/// A random-looking token body; test vectors are put together at run time, so that repository scanners stay quiet.
const BODY: &str = "9fKx2LmQ7vRtYb4WsZc8JhNdPg3Ae6Uo";

#[cfg(test)]
fn clean(text: &str) -> String {
    Redactor::new().redact(text).unwrap().text.into_string()
}

/// A GitHub token.
#[cfg(test)]
fn token() -> String {
    format!("ghp_{BODY}abcd")
}

/// A config with a password.
#[cfg(test)]
fn config() -> String {
    format!("db:\n  user: me\n  password: {BODY}\n")
}

#[cfg(test)]
fn base64(bytes: &[u8], alphabet: &[u8; 64], pad: bool) -> String {
    let mut encoded = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte))
            << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            encoded.push(char::from(alphabet[(number >> (18 - 6 * place)) as usize & 63]));
        }
        encoded.extend(std::iter::repeat_n('=', if pad { 3 - group.len() } else { 0 }));
    }
    encoded
}

#[cfg(test)]
fn std64(bytes: &[u8]) -> String {
    base64(bytes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true)
}

#[cfg(test)]
fn url64(bytes: &[u8]) -> String {
    base64(bytes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false)
}

#[cfg(test)]
fn hex(bytes: &[u8]) -> String {
    each(bytes, |byte| format!("{byte:02x}"))
}

#[cfg(test)]
fn each(bytes: &[u8], spell: impl Fn(u8) -> String) -> String {
    bytes.iter().map(|&byte| spell(byte)).collect()
}

#[cfg(test)]
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let body = miniz_oxide::deflate::compress_to_vec(bytes, 6);
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &body, &[0; 8]].concat()
}

#[cfg(test)]
fn wrap(text: &str, width: usize, between: &str) -> String {
    let lines: Vec<&str> =
        text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(between)
}

/// Puts `between` behind every third character.
#[cfg(test)]
fn sprinkle(text: &str, between: &str) -> String {
    text.chars().enumerate().fold(String::new(), |mut made, (at, letter)| {
        let _ = write!(made, "{letter}{}", if at % 3 == 2 { between } else { "" });
        made
    })
}

#[cfg(test)]
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Every way to spell the token, or a config with a password, that one placeholder takes the place of.
#[cfg(test)]
fn spellings() -> Vec<(ViewKind, String)> {
    let kinds = [
        (ViewKind::Normal, escaped()),
        (ViewKind::Normal, disguised()),
        (ViewKind::Joined, cut()),
        (ViewKind::Base64, base64_runs()),
        (ViewKind::Hex, hex_runs()),
        (ViewKind::Compressed, compressed()),
    ];
    kinds.into_iter().flat_map(|(kind, texts)| texts.into_iter().map(move |text| (kind, text))).collect()
}

#[cfg(test)]
fn escaped() -> Vec<String> {
    let token = token();
    let bytes = token.as_bytes();
    vec![
        each(bytes, |byte| format!("\\u{byte:04x}")),
        each(bytes, |byte| format!("\\\\\\\\u{byte:04X}")),
        each(bytes, |byte| format!("\\x{byte:02x}")),
        each(bytes, |byte| format!("\\u{{{byte:x}}}")),
        each(bytes, |byte| format!("\\U{byte:08x}")),
        each(bytes, |byte| format!("\\{byte:03o}")),
        each(bytes, |byte| format!("&#{byte};")),
        each(bytes, |byte| format!("&#x{byte:X};")),
        each(bytes, |byte| format!("&amp;#{byte};")),
        each(bytes, |byte| format!("%{byte:02X}")),
        each(bytes, |byte| format!("%25{byte:02x}")),
        token.replace('_', "\\_"),
        token.replace('_', "&lowbar;"),
        token.replace('_', "=5F") + "=3D",
    ]
}

#[cfg(test)]
fn disguised() -> Vec<String> {
    let token = token();
    let look_alikes = [('p', 'р'), ('x', 'х'), ('K', 'К'), ('e', 'е')];
    let cyrillic = look_alikes
        .iter()
        .fold(token.clone(), |text, (latin, other)| text.replace(*latin, &other.to_string()));
    let bold = |letter: char| match letter {
        'A'..='Z' => char::from_u32(0x1D400 + u32::from(letter) - u32::from('A')).unwrap(),
        other => other,
    };
    vec![
        sprinkle(&token, "\u{200b}"),
        sprinkle(&token, "\u{ad}"),
        sprinkle(&token, "\u{1b}[1m"),
        token.chars().map(|letter| char::from_u32(u32::from(letter) + 0xFEE0).unwrap()).collect(),
        token.chars().map(bold).collect(),
        cyrillic,
    ]
}

#[cfg(test)]
fn cut() -> Vec<String> {
    let token = token();
    let between = [
        "\n",
        "\r\n",
        "\n    ",
        "\\\n",
        " \\\n  ",
        "\n> ",
        "\n# ",
        "\n// ",
        "\" + \"",
        "\" \"",
        "' .\n   '",
        "\" \\\n \"",
        "\" f\"",
    ];
    between.iter().flat_map(|between| [20, 16, 10].map(|width| wrap(&token, width, between))).collect()
}

#[cfg(test)]
fn base64_runs() -> Vec<String> {
    let token = token();
    let bytes = token.as_bytes();
    let wide: Vec<u8> = token.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide_big: Vec<u8> = token.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let json = format!("{{\"auths\":{{\"h\":{{\"user\":\"x\",\"password\":\"{BODY}\"}}}}}}");
    vec![
        std64(bytes),
        url64(bytes),
        std64(std64(bytes).as_bytes()),
        std64(&wide),
        std64(&wide_big),
        std64(hex(bytes).as_bytes()),
        std64(each(bytes, |byte| format!("%{byte:02X}")).as_bytes()),
        std64(config().as_bytes()),
        std64(json.as_bytes()),
    ]
}

#[cfg(test)]
fn hex_runs() -> Vec<String> {
    let token = token();
    vec![hex(token.as_bytes()), hex(token.as_bytes()).to_uppercase(), hex(std64(token.as_bytes()).as_bytes())]
}

#[cfg(test)]
fn compressed() -> Vec<String> {
    let (token, config) = (token(), config().repeat(9));
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(token.as_bytes(), 6);
    vec![
        std64(&gzip(config.as_bytes())),
        std64(&zlib),
        hex(&gzip(token.as_bytes())),
        url64(&gzip(token.as_bytes())),
    ]
}

#[test]
fn token_when_spelled_differently_then_found_and_its_surroundings_kept() {
    for (kind, spelling) in spellings() {
        for (before, after) in
            [("", ""), ("use this: ", "\nplease"), ("x = \"", "\";"), ("{\"x\": \"", "\"}"), ("(", ")")]
        {
            let text = format!("{before}{spelling}{after}");
            let redaction = Redactor::new().redact(&text).unwrap();
            let left = redaction.text.as_str();
            let middle = left.strip_prefix(before).and_then(|left| left.strip_suffix(after));
            let middle = middle.unwrap_or_else(|| panic!("{text:?} -> {left:?}"));
            let rest = middle
                .trim_end_matches(['=', '\u{ad}', '\u{200b}'])
                .trim_end_matches("\u{1b}[1m")
                .trim_end_matches("=3D");
            assert!(rest.ends_with("_REDACTED") && rest.len() < 30, "{text:?} -> {left:?}");
            assert_eq!(redaction.findings.len(), 1, "{text:?}");
            assert!(
                redaction.findings.iter().all(|found| found.view == kind),
                "{text:?} {:?}",
                redaction.findings
            );
        }
    }
}

#[test]
fn encoded_text_when_wrapped_then_found() {
    for between in ["\n", "\r\n", "\n  ", "\n> ", "\\n", "\" +\n \""] {
        for width in [64, 76] {
            for encoded in [std64(config().repeat(3).as_bytes()), hex(config().repeat(3).as_bytes())] {
                let text = format!("cat file\n\n{}\n\nand so on", wrap(&encoded, width, between));
                let left = clean(&text);
                assert!(left.starts_with("cat file\n\n") && left.ends_with("\n\nand so on"), "{left}");
                assert!(left.len() < 60, "{text}\n{left}");
            }
        }
    }
}

#[test]
fn key_in_front_when_the_value_is_spelled_differently_then_found() {
    let value = "kJ8s-2mQx_71Lw0v";
    for spelling in [
        hex(value.as_bytes()),
        std64(value.as_bytes()),
        each(value.as_bytes(), |byte| format!("%{byte:02X}")),
        each(value.as_bytes(), |byte| format!("\\u{byte:04x}")),
        each(value.as_bytes(), |byte| format!("&#{byte};")),
    ] {
        let left = clean(&format!("db_password = {spelling}\nport = 5432"));
        assert_eq!(left, "db_password = PASSWORD_REDACTED\nport = 5432", "{spelling}");
    }
    assert_eq!(clean("p\\u0061ssw\\u006frd: hunter2!"), "p\\u0061ssw\\u006frd: PASSWORD_REDACTED");
    assert_eq!(clean("раsswоrd=hunter2!"), "раsswоrd=PASSWORD_REDACTED");
}

#[test]
fn armour_when_wrapped_or_behind_log_prefixes_then_gone() {
    let label = concat!("PRIV", "ATE KEY");
    let body = wrap(&std64(&BODY.repeat(8).into_bytes()), 64, "\n");
    let block = format!("-----BEGIN RSA {label}-----\n{body}\n-----END RSA {label}-----");
    let narrow = block.lines().map(|line| wrap(line, 20, "\n")).collect::<Vec<_>>().join("\n");
    let logged = block.lines().enumerate().fold(String::new(), |mut made, (at, line)| {
        let _ = writeln!(made, "#6 0.{} {line}", 245 + at);
        made
    });
    let quoted = format!("> {}", block.replace('\n', "\n> "));
    for text in [narrow, logged, quoted] {
        let left = clean(&text);
        let pieces = body.as_bytes().chunks(16).map(|piece| std::str::from_utf8(piece).unwrap());
        for piece in pieces.filter(|piece| !piece.contains('\n')) {
            assert!(!left.contains(piece), "{piece} in {left}");
        }
    }
}

#[test]
fn finding_when_in_a_view_then_on_the_whole_run() {
    let encoded = std64(token().as_bytes());
    let text = format!("é {encoded} b");
    let findings = Redactor::new().redact(&text).unwrap().findings;
    let places: Vec<_> =
        findings.iter().map(|Finding { start, end, view, .. }| (*start, *end, *view)).collect();
    assert_eq!(places, [(3, 3 + encoded.len(), ViewKind::Base64)]);
}

#[test]
fn json_when_its_strings_hide_secrets_then_still_json() {
    for (_, spelling) in spellings() {
        let inner = json(&spelling);
        for text in [
            format!("{{\"a\":{inner},\"b\":[12345678,{inner}]}}"),
            format!("[\"x\\n{}\\ny\"]", inner.trim_matches('"')),
            json(&format!("{{\"a\": {inner}}}")),
        ] {
            let left = clean(&text);
            assert!(serde_json::from_str::<serde_json::Value>(&left).is_ok(), "{text}\n{left}");
            assert!(left.contains("_REDACTED"), "{text}\n{left}");
        }
    }
}

#[test]
fn text_when_it_hides_nothing_then_unchanged() {
    let png = std64(&(0..200_u8).map(|byte| byte.wrapping_mul(167)).collect::<Vec<_>>());
    let zip = std64(&gzip("nothing to see in here, only words and words. ".repeat(20).as_bytes()));
    for text in [
        "commit 8f3e1c2b9a7d6e5f4c3b2a1908f7e6d5c4b3a291\nAuthor: me",
        "the quick brown fox version2 jumps over\nthelazydog2 and then",
        "see C:\\new\\table\\users and \\\\server\\share\\x",
        "println!(\"a\\tb\\n\"); // 100% &mut x",
        "пароль: см. ниже — “как обычно”",
        &format!("data:image/png;base64,{png}"),
        &zip,
        &std64(b"just a sentence about nothing in particular"),
        "AKIAIOSFODNN7\nus-east-1",
        "sha256-aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8=",
    ] {
        assert_eq!(clean(text), text);
    }
}

#[test]
fn encodings_inside_of_each_other_when_more_than_allowed_then_left() {
    let nested = (0..3).fold(token(), |text, _| std64(text.as_bytes()));
    for (count, expected) in
        [(0, nested.as_str()), (2, &nested), (3, "GITHUB_TOKEN_REDACTED"), (5, "GITHUB_TOKEN_REDACTED")]
    {
        let policy = Policy { decodings: Decodings::new(count).unwrap(), ..Policy::default() };
        assert_eq!(Redactor::with_policy(policy).redact(&nested).unwrap().text.as_str(), expected, "{count}");
    }
    let refused = Decodings::new(6).unwrap_err();
    assert_eq!(refused.to_string(), "6 encodings inside of each other are too many, at most 5");
}

#[test]
fn neighbouring_lines_when_one_has_a_token_then_the_other_stays() {
    let (token, github) = (format!("AKIA{}", "Q3EGRIYFZ5NTL2WB"), token());
    for (text, expected) in [
        (format!("{token}\nus-east-1\n"), "AWS_KEY_REDACTED\nus-east-1\n"),
        (format!("{token}\n{token}\n"), "AWS_KEY_REDACTED\nAWS_KEY_REDACTED\n"),
        (format!("{github}\nThanks\n"), "GITHUB_TOKEN_REDACTED\nThanks\n"),
        (format!("[\"{github}\", \"next1\"]"), "[\"GITHUB_TOKEN_REDACTED\", \"next1\"]"),
    ] {
        assert_eq!(clean(&text), expected);
    }
}

#[test]
fn lines_when_each_is_an_assignment_then_none_is_joined_to_another() {
    let lines: Vec<String> =
        (0..6).map(|index| format!("SERVICE_TOKEN=q7Rt2Lx9Wz4Kp8Vm1Nc6{index}aB{index}")).collect();
    let clean = clean(&lines.join("\n"));
    assert_eq!(clean, ["SERVICE_TOKEN=SECRET_REDACTED"; 6].join("\n"));
    let mixed = format!("{}\nretries: 12345678\nHost: a1B2c3D4e5F6g7H8", lines[0]);
    assert!(self::clean(&mixed).contains("\nretries: 12345678\nHost: "), "{}", self::clean(&mixed));
}

#[test]
fn token_when_whole_at_the_end_of_a_line_then_the_next_line_stays() {
    let key = ["AKIA", "Z3MGTQ7PLRXWB4UN"].concat();
    let github = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    for rest in [
        "AWS_REGION=eu-west-1",
        "2026-11-22T18:00:00Z",
        "src/components/LoginForm.tsx",
        "test_user_can_log_in",
        "LOGIN_TIMEOUT_MS",
        "-----------------",
        "d41d8cd9-8f00-b204-e980-0998ecf8427e",
        "key = value1",
        "user1 logged in",
        "python3 main.py",
        "v2.0 released",
        "createUser2(x)",
        "build-2024.11.22-rc1",
    ] {
        let text = format!("id = {key}\n{rest}\ntoken {github}\n{rest}\n");
        let expected = format!("id = AWS_KEY_REDACTED\n{rest}\ntoken GITHUB_TOKEN_REDACTED\n{rest}\n");
        assert_eq!(clean(&text), expected);
    }
    let password = "hT7kQ9zLmX2vR4pW8nB1";
    for rest in [
        "DB_HOST=db1.example.com",
        "API_KEY2=x",
        "10:01 user1 logged in",
        "python3 main.py",
        "- v2.0 released",
    ] {
        let text = format!("10:00 password={password}\n{rest}\n");
        assert_eq!(clean(&text), format!("10:00 password=PASSWORD_REDACTED\n{rest}\n"));
    }
    let defines = "#define OSSL_SELECT_PRIVATE_KEY 0x01\n#define OSSL_SELECT_PUBLIC_KEY 0x02\n";
    assert_eq!(clean(defines), defines);
    let yaml = format!("k: \"{github}\"\n\"some_other_key_name\": 1");
    assert_eq!(clean(&yaml), "k: \"GITHUB_TOKEN_REDACTED\"\n\"some_other_key_name\": 1");
    let lines = std::iter::repeat_n(format!("k1={github}"), 50).collect::<Vec<_>>().join("\n");
    assert_eq!(clean(&lines), ["k1=GITHUB_TOKEN_REDACTED"; 50].join("\n"));
}

#[test]
fn token_when_a_control_character_stands_in_it_then_found_whole() {
    let token = token();
    let (front, back) = token.split_at(10);
    let controls = [
        "\0",
        "\r",
        "\u{1}",
        "\u{b}",
        "\u{c}",
        "\u{e}",
        "\u{1f}",
        "\u{7f}",
        "\u{84}",
        "\u{9b}31m",
        "\0\u{1}\r",
    ];
    let marks = ["\u{10ffff}", "\u{10ffe2}\u{10ff80}", "\u{10ff9b}31m", "\u{10ffff}\0"];
    let typed = ["\u{8}", "X\u{8}", "XY\u{8}\u{8}", "\r\u{1b}[10C"];
    for between in controls.into_iter().chain(marks).chain(typed) {
        let cleaned = clean(&format!("a {front}{between}{back} b\r\nc"));
        assert_eq!(cleaned, "a GITHUB_TOKEN_REDACTED b\r\nc", "{between:?}");
    }
    for wide in [each(token.as_bytes(), |byte| format!("{}\0", char::from(byte))), sprinkle(&token, "\0")] {
        let cleaned = clean(&format!(" \0{wide} \0b\0"));
        assert!(cleaned.starts_with(" \0GITHUB_TOKEN_REDACTED"), "{cleaned:?}");
    }
    let cleaned = clean("password=hunt\u{10ffff}er2Secret99\n");
    assert_eq!(cleaned, "password=PASSWORD_REDACTED\n");
}

#[test]
fn environment_when_parted_by_nul_bytes_then_only_its_secrets_go() {
    let printed = format!("HOME=/root\0DB_PASSWORD={BODY}\0PATH=/bin\0GH_TOKEN={}\0A=b\0", token());
    let expected =
        "HOME=/root\0DB_PASSWORD=PASSWORD_REDACTED\0PATH=/bin\0GH_TOKEN=GITHUB_TOKEN_REDACTED\0A=b\0";
    assert_eq!(clean(&printed), expected);
}
