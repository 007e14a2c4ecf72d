//! Assignments and sentences in code, documents and configurations: what is no value stays, what is one goes whole.

use mab_redact::Redactor;

#[cfg(test)]
fn clean(text: &str) -> String {
    Redactor::new().redact(text).unwrap().text.into_string()
}

#[cfg(test)]
fn assert_unchanged(texts: &[&str]) {
    let changed: Vec<(String, &str)> =
        texts.iter().map(|&text| (clean(text), text)).filter(|(clean, text)| clean != text).collect();
    assert_eq!(changed, []);
}

#[test]
fn angle_brackets_when_no_element_is_closed_then_unchanged() {
    assert_unchanged(&[
        "usage: tool -u <user> -p <password> [options]\nfirst1 line\nsecond2 line <file>\n",
        "B<htpasswd> C<passwd> reads file2 and more.\n\nSee L<Crypt::Pass> for v2 of it, and B<this>.\n",
        "struct CoroSplit : PassInfoMixin<CoroSplitPass> {\n  int a1 = 3;\n  std::vector<int> b;\n}",
        "//host/share /mnt cifs username=<user>,password=<pass>,uid=1000 0 0\n# another line <x>\n",
        "the <password> is 8 chars and 2 digits</p>",
    ]);
}

#[test]
fn element_when_closed_then_its_text_goes() {
    let secret = "hT7kQ9zLm";
    for (before, after) in [
        ("<password>", "</password>"),
        ("<password>\n    ", "\n  </password>"),
        ("<ns:password>", "</ns:password>"),
        ("<dbPassword>", "</dbPassword>\n<x>1</x>"),
    ] {
        let text = format!("{before}{secret}{after}");
        assert_eq!(clean(&text), format!("{before}PASSWORD_REDACTED{after}"));
    }
}

#[test]
fn quote_when_it_closes_the_string_around_the_key_then_no_value() {
    assert_unchanged(&[
        "read -p 'Password: ' -s PW1",
        "getpass(prompt='Password: ', stream=None)",
        "console.log('Token: ' + t.id2)",
        "printf(\"Token: \" PRIu64 \"\\n\", t1)",
        "the \"password:\" prompt you can wait for the \"shell2\" prompt",
        "Win32_Security_Credentials = [\"Win32_Security\"]",
    ]);
}

#[test]
fn brackets_when_open_in_front_of_a_string_then_stay() {
    assert_eq!(clean("token = [\"abc1Defg2Hij\", \"x\"]"), "token = [\"SECRET_REDACTED\", \"x\"]");
    assert_unchanged(&["password = {\"hT7kQ9zL\": 1}"]);
}

#[test]
fn quotes_when_doubled_then_do_not_close() {
    assert_eq!(clean("password='it''shT7kQ9zLm'"), "password='PASSWORD_REDACTED'");
    assert_eq!(clean("password = \"say \"\"hT7kQ9zLm\"\"\""), "password = \"PASSWORD_REDACTED\"");
    assert_eq!(clean("f(password='', token='', x='a1')"), "f(password='', token='', x='a1')");
}

#[test]
fn authorization_when_no_sign_follows_then_unchanged() {
    assert_unchanged(&[
        "from .authorization import AuthorizationEndpoint",
        "authorization server (SEP-2352)",
        "authorization api ([#1009](https://example.com/a/b/pull/1009))",
        "Bearer https://tools.ietf.org/html/rfc6750",
        "Bearer resource_metadata=\"https://h/.well-known/oauth2\"",
    ]);
}

#[test]
fn names_in_back_quotes_when_behind_identified_by_then_unchanged() {
    assert_unchanged(&[
        "the directory identified by `path2`",
        "The sequence identified by `key`.",
        "sequence identified by 'key'",
    ]);
    assert_eq!(
        clean("CREATE USER u IDENTIFIED BY 'hunter'"),
        "CREATE USER u IDENTIFIED BY 'PASSWORD_REDACTED'"
    );
    assert_eq!(clean("x identified by 'hunter2'"), "x identified by 'PASSWORD_REDACTED'");
}

#[test]
fn pass_when_a_verb_then_unchanged() {
    assert_unchanged(&[
        "Arguments to pass to :func:`send_file`",
        "Pass :class:`parse_string` here",
        "user options to pass to :func:`result_of`",
        "before logging in, install and configure it2",
    ]);
}

#[test]
fn numbers_and_code_when_behind_a_key_then_unchanged() {
    assert_unchanged(&[
        "pub const E_PASSWORD: windows_core::HRESULT = windows_core::HRESULT(0x8004004A_u32 as _);",
        "pub const E_PASSWORD: HRESULT = 0x8004004A_u32;",
        "pub const __NR_memfd_secret: u32 = 1073742271;",
        "pub const E_TOKEN: i32 = -2146645987i32;",
        "X509v3 Subject Key Identifier:\n  D7:F4:47:1A:2B:3C:4D:5E:6F:70:81:92:A3:B4:C5:D6:E7:F8:09:1A\n",
        "token = base64.b64encode(digest).decode(\"utf-8\")",
        "secret = secret.words_for_17_to_128()",
        "password = base64.b16encode(random_bytes[8:])",
        "let secret = (secret_words[0] ^ 0x55aa_1234);",
        "token = it->second;",
        "f\"password={password!r}\"",
        "apiKey: process.env.API_KEY!,",
        "apiKey: process.env.API_KEY!",
    ]);
}

#[test]
fn class_names_when_found_once_then_not_everywhere() {
    let text = "token = \"InvalidNextTokenException\"\nclass InvalidNextTokenException(Exception):";
    assert!(clean(text).ends_with("class InvalidNextTokenException(Exception):"), "{}", clean(text));
}

#[test]
fn values_when_written_as_defaults_or_beside_a_type_then_go() {
    for text in [
        "password <- \"{}\"",
        "password: !!str {}",
        "requirepass {}",
        "<password encrypted=\"false\">{}</password>",
        "<password><![CDATA[{}]]></password>",
        "password = process.env.PW || \"{}\"",
        "password = os.getenv(\"PW\", \"{}\")",
    ] {
        assert_eq!(
            clean(&text.replace("{}", "hT7kQ9zLm")),
            text.replace("{}", "PASSWORD_REDACTED"),
            "{text}"
        );
    }
}
