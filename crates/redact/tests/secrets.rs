//! Every family of rules: what has to disappear, and what has to stand in its place.

use mab_redact::Redactor;

/// A random-looking token body; test vectors are put together at run time, so that repository scanners stay quiet.
const BODY: &str = "9fKx2LmQ7vRtYb4WsZc8JhNdPg3Ae6Uo";

#[cfg(test)]
fn clean(text: &str) -> String {
    Redactor::new().redact(text).unwrap().text.into_string()
}

/// Asserts that a bare token disappears, alone, in a sentence, in JSON, in a URL and after an escape.
fn assert_token(token: &str, placeholder: &str) {
    for (before, after) in [
        ("", ""),
        ("use ", ", please"),
        ("(", ")"),
        ("{\"x\":\"", "\"}"),
        ("https://h/?q=", "&p=1"),
        ("a\\n", "\\nb"),
    ] {
        assert_eq!(
            clean(&format!("{before}{token}{after}")),
            format!("{before}{placeholder}{after}"),
            "{before}…{after}"
        );
    }
    assert_eq!(clean(&format!("backup_{token}_old.txt")), format!("backup_{placeholder}.txt"));
}

#[test]
fn aws_ids_and_secrets_when_seen_then_replaced() {
    for prefix in ["AKIA", "ASIA", "ABIA", "ACCA", "A3TX"] {
        assert_token(&format!("{prefix}Q3EGRIYFZ5NTL2WB"), "AWS_KEY_REDACTED");
    }
    let secret = format!("wJalr/{BODY}+7");
    for key in ["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "secretAccessKey", "aws_session_token"] {
        assert_eq!(clean(&format!("{key} = {secret}")), format!("{key} = AWS_KEY_REDACTED"));
        assert_eq!(
            clean(&format!("export {key}={secret}\nX=1")),
            format!("export {key}=AWS_KEY_REDACTED\nX=1")
        );
        assert_eq!(clean(&format!("\"{key}\": \"{secret}\"")), format!("\"{key}\": \"AWS_KEY_REDACTED\""));
    }
}

#[test]
fn vendor_tokens_when_bare_then_replaced() {
    for prefix in ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"] {
        assert_token(&format!("{prefix}{BODY}abcd"), "GITHUB_TOKEN_REDACTED");
    }
    for prefix in ["sk-", "sk-proj-", "sk-svcacct-", "sk-admin-"] {
        assert_token(&format!("{prefix}{BODY}"), "OPENAI_KEY_REDACTED");
    }
    let is_placeholder = |text: &str| text.ends_with("_REDACTED") && text.len() > "_REDACTED".len();
    for prefix in [
        "sk-ant-api03-",
        "AIzaSyC",
        "xoxb-1",
        "xoxp-1",
        "xapp-1-",
        "sk_live_",
        "rk_live_",
        "npm_",
        "pypi-AgE",
        "hf_",
        "glpat-",
        "glrt-",
        "GOCSPX-",
    ] {
        let token = format!("{prefix}{BODY}abcd");
        let placeholder = clean(&token);
        assert!(is_placeholder(&placeholder), "{prefix}: {placeholder}");
        assert_token(&token, &placeholder);
    }
    let mail = format!("SG.{}.{BODY}{}", &BODY[..22], &BODY[..11]);
    assert_token(&mail, &clean(&mail));
    let jwt = format!("eyJ{BODY}.eyJ{BODY}.{BODY}");
    for around in ["{}", "see {}.", "{\"x\":\"{}\"}", "a\\n{}\\nb", "?jwt={}&x"] {
        assert_eq!(clean(&around.replace("{}", &jwt)), around.replace("{}", "JWT_REDACTED"));
    }
    let webhook = format!("https://hooks.slack.com/services/T0{}/B0{}/{BODY}", &BODY[..8], &BODY[..8]);
    assert_eq!(clean(&format!("curl {webhook} -d x")), format!("curl {} -d x", clean(&webhook)));
}

#[test]
fn private_keys_when_whole_or_cut_then_replaced() {
    let line = format!("{BODY}{BODY}");
    for label in [
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        let begin = format!("-----BEGIN {label}-----");
        let end = format!("-----END {label}-----");
        let block =
            |glue: &str| [&begin, "Proc-Type: 4,ENCRYPTED", "", &line, &line, "Ab3=", &end].join(glue);
        for glue in ["\n", "\r\n", "\\n", "\\\\n", "\n    "] {
            assert_eq!(
                clean(&format!("a {} b", block(glue))),
                "a PRIVATE_KEY_REDACTED b",
                "{label} {glue:?}"
            );
        }
        let cut = [&begin, &line[..], &line, "Ab3="].join("\n");
        assert_eq!(clean(&format!("{cut}\nand then prose")), "PRIVATE_KEY_REDACTED\nand then prose");
        assert_eq!(clean(&format!("{{\"k\":\"{}\"}}", block("\\n"))), "{\"k\":\"PRIVATE_KEY_REDACTED\"}");
        let lines = format!("[\"{begin}\",\"{line}\",\"{end}\"]");
        assert_eq!(clean(&lines), format!("[\"{begin}\",\"PRIVATE_KEY_REDACTED\",\"{end}\"]"));
    }
}

#[test]
fn authorization_when_any_case_and_spacing_then_replaced() {
    for (text, expected) in [
        ("Authorization: Bearer {}", "Authorization: Bearer BEARER_TOKEN_REDACTED"),
        ("authorization: bearer   {}", "authorization: bearer   BEARER_TOKEN_REDACTED"),
        ("AUTHORIZATION: BEARER {}\r\nHost: x", "AUTHORIZATION: BEARER BEARER_TOKEN_REDACTED\r\nHost: x"),
        ("{\"Authorization\": \"Token {}\"}", "{\"Authorization\": \"Token BEARER_TOKEN_REDACTED\"}"),
        ("-H 'Authorization: Basic {}=='", "-H 'Authorization: Basic BEARER_TOKEN_REDACTED'"),
        (
            "{\"h\":\"{\\\"authorization\\\":\\\"Bearer {}\\\"}\"}",
            "{\"h\":\"{\\\"authorization\\\":\\\"Bearer BEARER_TOKEN_REDACTED\\\"}\"}",
        ),
        ("Authorization: {}", "Authorization: BEARER_TOKEN_REDACTED"),
        ("bearer {}", "bearer BEARER_TOKEN_REDACTED"),
        ("BEARER  {}", "BEARER  BEARER_TOKEN_REDACTED"),
    ] {
        assert_eq!(clean(&text.replace("{}", BODY)), expected);
    }
}

#[test]
fn api_keys_when_assigned_then_replaced() {
    for text in [
        "api_key = \"{}\"",
        "apikey: {}",
        "API_KEY={}",
        "export ACME_API_KEY='{}'",
        "x-api-key: {}",
        "X-Auth-Token: {}",
        "\"accessToken\":\"{}\"",
        "access_token={}&page=2",
        "?page=1&access_token={}#top",
        "--api-key {}",
        "--api-key={}",
        "<apiToken>{}</apiToken>",
        "client_secret: '{}'",
        "//registry.npmjs.org/:_authToken={}",
        "DefaultEndpointsProtocol=https;AccountKey={}==;x=y",
        "setProperty(\"ACME_API_TOKEN\", \"{}\")",
        "var acmeApiKey string = \"{}\"",
        "const apiKey: string = `{}`;",
        "api_key: str | None = '{}'",
        "config[\"api_key\"] = \"{}\"",
        "api_key => '{}'",
        "api_key := \"{}\"",
        "API_KEY%3D{}",
        "| api_key | {} |",
        "{\"a\":\"API_KEY={}\\nB=1\"}",
        "API_KEY: &str = r\"{}\"",
    ] {
        let expected = text.replace("{}==", "{}").replace("{}", "API_KEY_REDACTED");
        assert_eq!(clean(&text.replace("{}", BODY)), expected);
    }
}

/// Texts, and what becomes of them.
const PLACES: &[(&str, &str)] = &[
    (
        "<key>ApiKey</key>\n<string>a1B2c3D4e5F6g7H8</string>",
        "<key>ApiKey</key>\n<string>API_KEY_REDACTED</string>",
    ),
    (
        "<setting name=\"ApiKey\" serializeAs=\"String\"><value>a1B2c3D4e5F6g7H8</value>",
        "<setting name=\"ApiKey\" serializeAs=\"String\"><value>API_KEY_REDACTED</value>",
    ),
    (
        "IDENTIFIED WITH mysql_native_password BY 'hunter2'",
        "IDENTIFIED WITH mysql_native_password BY 'PASSWORD_REDACTED'",
    ),
    ("ALTER USER x IDENTIFIED BY 'hunter2';", "ALTER USER x IDENTIFIED BY 'PASSWORD_REDACTED';"),
    ("SET PASSWORD = PASSWORD('hunter2')", "SET PASSWORD = PASSWORD('PASSWORD_REDACTED')"),
    ("requests.get(u, auth=(\"me\", \"hunter2\"))", "requests.get(u, auth=(\"me\", \"PASSWORD_REDACTED\"))"),
    ("auth=HTTPBasicAuth('me', 'hunter2')", "auth=HTTPBasicAuth('me', 'PASSWORD_REDACTED')"),
    (
        "echo hunter2 | docker login --password-stdin",
        "echo PASSWORD_REDACTED | docker login --password-stdin",
    ),
    ("echo 'root:hunter2' | chpasswd", "echo 'root:PASSWORD_REDACTED' | chpasswd"),
    ("Cookie: theme=dark; sid=31d4d96e407aad42c9f0e1d2", "Cookie: theme=dark; sid=SESSION_COOKIE_REDACTED"),
    (
        "kind: Secret\ndata:\n  user: aHVudGVyMg==\n  note: |\nmetadata:\n  name: x",
        "kind: Secret\ndata:\n  user: SECRET_REDACTED\n  note: |\nmetadata:\n  name: x",
    ),
    (
        "stringData:\n  anything: hunter2\nkind: Secret\n",
        "stringData:\n  anything: SECRET_REDACTED\nkind: Secret\n",
    ),
    ("kind: ConfigMap\ndata:\n  user: aHVudGVyMg==", "kind: ConfigMap\ndata:\n  user: aHVudGVyMg=="),
    ("ENV MYSQL_ROOT_PASSWORD S3cr3tPw", "ENV MYSQL_ROOT_PASSWORD PASSWORD_REDACTED"),
    ("the apikey a1B2c3D4e5F6g7H8i9J0", "the apikey API_KEY_REDACTED"),
    ("mysql -u root -phunter2 shop", "mysql -u root -pPASSWORD_REDACTED shop"),
    ("mysqldump -uroot '-phunter2'", "mysqldump -uroot '-pPASSWORD_REDACTED'"),
    ("sshpass -p 'hunt er2' ssh h", "sshpass -p 'PASSWORD_REDACTED' ssh h"),
    ("redis-cli -h r -a hunter2 ping", "redis-cli -h r -a PASSWORD_REDACTED ping"),
    ("docker login -u me -p hunter2 reg", "docker login -u me -p PASSWORD_REDACTED reg"),
    ("smbclient //s/x -U 'me%hunter2'", "smbclient //s/x -U 'me%PASSWORD_REDACTED'"),
    ("openssl rsa -in k -passin pass:hunter2", "openssl rsa -in k -passin pass:PASSWORD_REDACTED"),
    ("mysql -p $DB_PASS", "mysql -p $DB_PASS"),
    ("mysql -port 3306", "mysql -port 3306"),
    ("aws configure set api_key a1b2c3d4e5", "aws configure set api_key API_KEY_REDACTED"),
    (
        "{\"name\": \"DB_PASSWORD\", \"value\": \"hunter2\"}",
        "{\"name\": \"DB_PASSWORD\", \"value\": \"PASSWORD_REDACTED\"}",
    ),
    ("- name: DB_PASSWORD\n  value: hunter2x\n", "- name: DB_PASSWORD\n  value: PASSWORD_REDACTED\n"),
    ("password: |\n  hunter2x\nuser: me", "password: |\n  PASSWORD_REDACTED\nuser: me"),
    ("api_token_for_ci = a1B2c3D4e5F6g7H8i9", "api_token_for_ci = API_KEY_REDACTED"),
];

#[test]
fn values_when_their_place_tells_then_replaced() {
    for (text, expected) in PLACES {
        assert_eq!(clean(text), *expected, "{text}");
    }
}

#[test]
fn passwords_when_assigned_then_only_the_value_is_replaced() {
    for (text, expected) in [
        ("Password is: hunter2", "Password is: PASSWORD_REDACTED"),
        ("the password is hunter2.", "the password is PASSWORD_REDACTED."),
        ("set the password to Tr0ub4dor&3 now", "set the password to PASSWORD_REDACTED now"),
        ("password: \"correct horse battery staple\"", "password: \"PASSWORD_REDACTED\""),
        ("{\"password\": \"x\\\"y\\\\\"}", "{\"password\": \"PASSWORD_REDACTED\"}"),
        (
            "{\"a\":\"{\\\"password\\\":\\\"x y\\\\\\\"z1\\\"}\"}",
            "{\"a\":\"{\\\"password\\\":\\\"PASSWORD_REDACTED\\\"}\"}",
        ),
        ("{\"password\":12345678}", "{\"password\":\"PASSWORD_REDACTED\"}"),
        ("{\n  \"password\":\n    \"letmein\"\n}", "{\n  \"password\":\n    \"PASSWORD_REDACTED\"\n}"),
        ("Password: `hunter2`", "Password: `PASSWORD_REDACTED`"),
        ("**Password:** hunter2", "**Password:** PASSWORD_REDACTED"),
        ("PASSWORD=ab\"cd\"ef1", "PASSWORD=PASSWORD_REDACTED"),
        ("password = MySecretPass123!\n", "password = PASSWORD_REDACTED\n"),
        ("db_pass: m{{h}o)p${e]no1\n", "db_pass: PASSWORD_REDACTED\n"),
        ("passwd=hunter2", "passwd=PASSWORD_REDACTED"),
        ("Server=db;Pwd=hunter2;Database=x", "Server=db;Pwd=PASSWORD_REDACTED;Database=x"),
        ("passphrase = 'open sesame'", "passphrase = 'PASSWORD_REDACTED'"),
        ("DB_PASS=letmein\nDB_USER=me", "DB_PASS=PASSWORD_REDACTED\nDB_USER=me"),
        ("mysql --password=hunter2 db", "mysql --password=PASSWORD_REDACTED db"),
        ("login(user=u, password=hunter2)", "login(user=u, password=PASSWORD_REDACTED)"),
        ("<password>hunter2</password>", "<password>PASSWORD_REDACTED</password>"),
        ("password: Optional[str] = \"hunter2\"", "password: Optional[str] = \"PASSWORD_REDACTED\""),
        ("if password == \"hunter2\":", "if password == \"PASSWORD_REDACTED\":"),
        ("curl -u admin:hunter2 https://h/", "curl -u PASSWORD_REDACTED https://h/"),
        ("curl -s --user 'admin:hunter2' https://h/", "curl -s --user 'PASSWORD_REDACTED' https://h/"),
        ("postgres://u:hunter2@h:5432/d", "postgres://u:PASSWORD_REDACTED@h:5432/d"),
        ("mongodb+srv://u:p%40ss1@h/d", "mongodb+srv://u:PASSWORD_REDACTED@h/d"),
        ("https://u:pa/ss1@h/x", "https://u:PASSWORD_REDACTED@h/x"),
        ("redis://:hunter2@h", "redis://:PASSWORD_REDACTED@h"),
        ("пароль password=hunter2é!", "пароль password=PASSWORD_REDACTED"),
    ] {
        assert_eq!(clean(text), expected, "{text}");
    }
}

#[test]
fn other_secrets_when_assigned_then_replaced() {
    for text in [
        "SECRET_KEY = '{}'",
        "secret: {}",
        "token: {}",
        "API-less TOKEN={}",
        "credentials = \"{}\"",
        "Your token (keep secret): {}",
        "Partner token (share securely): {}",
        "The token is {}.",
        "sumoToken .= \"{}\"",
        "jira_TOKEN ::= \"{}\"",
        "\"token\" => \"{}\"",
    ] {
        assert_eq!(clean(&text.replace("{}", BODY)), text.replace("{}", "SECRET_REDACTED"));
    }
}

#[test]
fn value_when_found_once_then_replaced_everywhere() {
    let text = format!("token: {BODY}\nlater {BODY}x and \\n{BODY}");
    let redaction = Redactor::new().redact(&text).unwrap();
    assert!(!redaction.text.as_str().contains(BODY));
    assert_eq!(redaction.findings.len(), 3);
    assert_eq!(clean("password=sunshine and sunshine"), "password=PASSWORD_REDACTED and sunshine");
}

#[test]
fn specific_rule_when_inside_assignment_then_names_the_secret() {
    let redaction = Redactor::new().redact(&format!("password = \"ghp_{BODY}abcd\"")).unwrap();
    assert_eq!(redaction.text.as_str(), "password = \"GITHUB_TOKEN_REDACTED\"");
    assert_eq!(redaction.findings.len(), 1);
    assert_eq!(redaction.findings[0].rule, "github-token");
}

#[test]
fn code_between_key_markers_when_redacted_then_stays() {
    let begin = concat!("-----BEGIN PRIV", "ATE KEY-----");
    let end = concat!("-----END PRIV", "ATE KEY-----");
    let line = format!("{BODY}{BODY}");
    for (code, expected) in [
        (
            format!(
                "const BEGIN = \"{begin}\"; export function importPrivateKeyFromPem(pem){{ return pem }} const END = \"{end}\";"
            ),
            None,
        ),
        (format!("/* {begin} */ importPrivateKeyFromPem(pem) /* {end} */"), None),
        (format!("\"{begin}\" PRIVATE_KEY_REDACTED \"{end}\""), None),
        (
            format!("\"{begin}\" +\n\"{line}\" +\n\"Ab3=\" +\n\"{end}\""),
            Some(format!("\"{begin}\" +\n\"PRIVATE_KEY_REDACTED\" +\n\"PRIVATE_KEY_REDACTED\" +\n\"{end}\"")),
        ),
        (
            format!("\"{begin}\" \"{line}\" PRIVATE_KEY_REDACTED \"{end}\""),
            Some(format!("\"{begin}\" \"PRIVATE_KEY_REDACTED\" PRIVATE_KEY_REDACTED \"{end}\"")),
        ),
    ] {
        assert_eq!(clean(&code), expected.unwrap_or_else(|| code.clone()));
    }
}

/// What a generator of passwords would give.
const RANDOM: &str = "q7Xw2LmZ9rTk4VbN8";

#[test]
fn keys_in_prose_when_their_words_are_apart_then_replaced() {
    for (text, placeholder) in [
        ("API key: {}", "API_KEY_REDACTED"),
        ("**API key:** `{}`", "API_KEY_REDACTED"),
        ("The API key is {}", "API_KEY_REDACTED"),
        ("secret key: {}", "SECRET_REDACTED"),
        ("access key: {}", "API_KEY_REDACTED"),
        ("private key: {}", "API_KEY_REDACTED"),
        ("OpenAI key: {}", "API_KEY_REDACTED"),
    ] {
        assert_eq!(clean(&text.replace("{}", RANDOM)), text.replace("{}", placeholder));
    }
}

#[test]
fn hexadecimal_tokens_when_the_word_is_near_then_replaced() {
    let hex = "3f9a".repeat(16);
    for text in [
        "token {}",
        "use token `{}` now",
        "token for b: {}",
        "the token for session b is {}",
        "session_b_token — {}",
    ] {
        assert_eq!(clean(&text.replace("{}", &hex)), text.replace("{}", "SECRET_REDACTED"));
    }
    for text in [
        "{}  file.tar.gz",
        "sha256:{}",
        "token sha256:{}",
        "token\n{}",
        "tokenizers --hash {}",
        "{\"token\":\"\",\"h\":\"{}\"}",
        "{\"token\": null, \"h\": \"{}\"}",
    ] {
        let text = text.replace("{}", &hex);
        assert_eq!(clean(&text), text);
    }
}

#[test]
fn named_keys_when_the_value_is_random_then_replaced() {
    for name in [
        "STRIPE_KEY=",
        "SENDGRID_KEY=",
        "SUPABASE_SERVICE_ROLE_KEY=",
        "HMAC_KEY=",
        "AES_KEY=",
        "stripe_key: ",
    ] {
        assert_eq!(clean(&format!("{name}{RANDOM}\n")), format!("{name}API_KEY_REDACTED\n"));
    }
    assert_eq!(clean(&format!("ENCRYPTION_KEY={RANDOM}")), "ENCRYPTION_KEY=API_KEY_REDACTED");
    assert_eq!(clean(&format!("SECRET_KEY_BASE={RANDOM}")), "SECRET_KEY_BASE=SECRET_REDACTED");
    for text in [
        "SORT_KEY=id",
        "CACHE_KEY=user:42",
        "SSH_KEY=/home/me/.ssh/id_ed25519",
        "STRIPE_KEY=disabled",
        "key: Ab1",
    ] {
        assert_eq!(clean(text), text);
    }
    for name in ["PRIMARY_KEY", "FOREIGN_KEY", "PUBLIC_KEY"] {
        let text = format!("{name}={RANDOM}");
        assert_eq!(clean(&text), text);
    }
}

#[test]
fn passwords_when_they_begin_like_masks_or_templates_then_replaced() {
    for value in ["***{}", "<{}>", "{{}}", "...{}"] {
        let text = format!("password=\"{}\"", value.replace("{}", RANDOM));
        assert_eq!(clean(&text), "password=\"PASSWORD_REDACTED\"", "{value}");
    }
    assert_eq!(clean("DB_PASSWORD=$uperhunter\n"), "DB_PASSWORD=PASSWORD_REDACTED\n");
    for text in [
        "DB_PASSWORD=$PASSWORD",
        "DB_PASSWORD=${X}",
        "DB_PASSWORD=$db_password",
        "login(password=$uperhunter)",
        "password=\"<password>\"",
        "password=\"{{ secret }}\"",
        "password=\"***1234\"",
    ] {
        assert_eq!(clean(text), text);
    }
}
