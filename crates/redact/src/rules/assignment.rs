//! Values that are secret because of the key in front of them.
//!
//! Which shapes of assignment are understood is in `src/assignment/`; here are only the words.

use crate::rule::{Class, Finder, Layer, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "aws-secret-key",
        super::AWS_KEY,
        "AWS secret access key or session token in an assignment",
        &["secret", "token"],
        Finder::Keys(&[
            "secretaccesskey",
            "awssecretkey",
            "awssecret",
            "awssessiontoken",
            "awssecuritytoken",
        ]),
    )
    .layer(Layer::Generic)
    .class(Class::ApiKey),
    Rule::new(
        "password",
        super::PASSWORD,
        "Value of a password, passphrase or pwd",
        &["pass", "pwd"],
        Finder::Keys(&[
            "password",
            "passwd",
            "passphrase",
            "passcode",
            "passwort",
            "-pass",
            "pwd",
            "-dbpass",
            "userpass",
            "rootpass",
            "adminpass",
            "requirepass",
        ]),
    )
    .layer(Layer::Generic)
    .class(Class::Password),
    Rule::new(
        "api-key",
        super::API_KEY,
        "Value of an API key, access token, auth token, client secret and the like",
        &["key", "token", "secret", "auth"],
        Finder::Keys(&[
            "apikey",
            "appkey",
            "accesskey",
            "accountkey",
            "authkey",
            "encryptionkey",
            "masterkey",
            "sharedkey",
            "signingkey",
            "privatekey",
            "servicekey",
            "clientkey",
            "consumerkey",
            "sessionkey",
            "storagekey",
            "subscriptionkey",
            "webhookkey",
            "adminkey",
            "sharedaccesskey",
            "licensekey",
            "accesstoken",
            "authtoken",
            "apitoken",
            "authenticationtoken",
            "authorizationtoken",
            "bearertoken",
            "refreshtoken",
            "idtoken",
            "sessiontoken",
            "oauthtoken",
            "personalaccesstoken",
            "bottoken",
            "deploytoken",
            "csrftoken",
            "privatetoken",
            "jobtoken",
            "clientsecret",
            "apisecret",
            "appsecret",
            "consumersecret",
            "webhooksecret",
            "oauthsecret",
            "-auth",
        ]),
    )
    .layer(Layer::Generic)
    .class(Class::ApiKey),
    Rule::new(
        "secret",
        super::SECRET,
        "Value of a secret, secret key, token or credential that no other rule names",
        &["secret", "token", "cred"],
        Finder::Keys(&[
            "secret",
            "secretkey",
            "secretkeybase",
            "secretvalue",
            "sharedsecret",
            "token",
            "credential",
            "credentials",
            "creds",
            "cred",
        ]),
    )
    .layer(Layer::Generic),
    Rule::new(
        super::NAMED_KEY,
        super::API_KEY,
        "Generated value of any other named key, such as STRIPE_KEY",
        &["key"],
        Finder::Keys(&["-key"]),
    )
    .layer(Layer::Generic)
    .class(Class::ApiKey),
    Rule::new(
        "hex-token",
        super::SECRET,
        "64 lower-case hexadecimal digits shortly after the word token",
        &["token"],
        Finder::Function(crate::token::find_hex_token),
    )
    .layer(Layer::Generic),
];
