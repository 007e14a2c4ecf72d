//! Texts that speak of secrets without holding one: they stay as they are.

use mab_redact::Redactor;

/// Prose, code, types, templates, hashes and paths.
const HARMLESS: &[&str] = &[
    "the secret to success",
    "password reset page",
    "secret: sauce",
    "Bearer authentication",
    "bearer of bad news",
    "def check(password: str)",
    "SELECT password FROM users",
    "kind: Secret",
    "password\n\nNext",
    "token: string",
    "password: Optional[str] = None",
    "api_key=os.environ[\"API_KEY\"]",
    "password = getpass()",
    "password=${PASSWORD}",
    "token=$TOKEN",
    "password: <password>",
    "secret: {{ secret }}",
    "\"password\": null",
    "\"password\": true",
    "\"password\":false}",
    "550e8400-e29b-41d4-a716-446655440000",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "uses: cloudflare/wrangler-action@9fceb02d0ae598e95dc970b74767f19372d61af8",
    "https://github.com/cloudflare/circl/blob/9fceb02d0ae598e95dc970b74767f19372d61af8/sign/ed25519.go",
    "\"owner\": \"cloudflare\", \"rev\": \"9fceb02d0ae598e95dc970b74767f19372d61af8\"",
    "github.com/oracle/oci-go-sdk/v65 v65.1.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "hashicorp/vault: [\"zh:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"]",
    "https://github.com/datadog/dd.git\", \"reference\": \"9fceb02d0ae598e95dc970b74767f19372d61af8\"",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "config/secret",
    "docs/api_key",
    "a/password",
    "src/token.rs",
    "password_file=/run/secrets/db",
    "token_url = \"https://h/token\"",
    "\"max_tokens\": 4096",
    "\"total_tokens\": 128",
    "the token is sha256-hashed",
    "password is required",
    "password: required",
    "the password is in the vault",
    "fn token(&self) -> &ProgressToken {",
    "pub fn f(token: &ProgressToken) -> bool",
    "token: CancellationToken,",
    "let password = user.password.clone();",
    "let token = tokens.next();",
    "login(user=u, password=password)",
    "f(token=token, key=key)",
    "this.password = password;",
    "PWD=/home/me/src",
    "compass: north2",
    "bypass = true1",
    "monkey: banana12345678",
    "\"client_secret\": acctest.Representation{RepType: x}",
    "token = json!({})",
    "assert!(token.is_valid())",
    "https://example.com:8080/@scope/pkg",
    "git@github.com:owner/repo.git",
    "http://localhost:3000/@fs/x",
    "docker run -u 1000:1000 image",
    "-----BEGIN PUBLIC KEY-----",
    "look for -----BEGIN PRIVATE KEY----- in it",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "Authorization: required",
    "risk-assessment-of-something-very-long-indeed",
    "task-management-for-everyone-in-the-team",
    "disk-usage",
    "password: ********",
    "password = \"\"",
    "use the --password flag",
    "--token string   the token to use",
    "process.env.API_KEY",
    "apiKey: process.env.API_KEY,",
    "secret = config.get('secret')",
    "\"password\": \"Enter your password\"",
    "type=\"password\" name=\"pw\"",
    "primary_key: 1234567890abcdef",
    "public_key = \"ssh-ed25519 AAAA\"",
    "Token::new(TokenKind::Ident)",
    "std::token::Token",
];

#[test]
fn harmless_text_when_redacted_then_unchanged() {
    let redactor = Redactor::new();
    for &text in HARMLESS {
        let redaction = redactor.redact(text).unwrap();
        assert_eq!(redaction.text.as_str(), text);
        assert_eq!(redaction.findings, []);
    }
}

#[test]
fn placeholder_when_redacted_again_then_no_finding() {
    let redactor = Redactor::new();
    for rule in redactor.rules() {
        for text in [
            "password = \"{}\"",
            "token: {}",
            "Authorization: Bearer {}",
            "https://u:{}@h",
            "curl -u a:{} h",
            "{\"api_key\":\"{}\"}",
        ] {
            let text = text.replace("{}", &rule.placeholder);
            assert_eq!(redactor.redact(&text).unwrap().findings, [], "{text}");
        }
    }
}
