//! Values that are secret because of the key in front of them.
//!
//! Which shapes of assignment are understood is in `src/assignment/`; here are only the words.

use crate::rule::{Finder, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "password",
        placeholder: super::PASSWORD,
        description: "Value of a password, passphrase or pwd",
        literals: &["pass", "pwd"],
        finder: Finder::Keys(&[
            "password", "passwd", "passphrase", "passcode", "passwort", "-pass", "pwd", "-dbpass", "userpass", "rootpass",
            "adminpass",
        ]),
    },
    Rule {
        id: "api-key",
        placeholder: super::API_KEY,
        description: "Value of an API key, access token, auth token, client secret and the like",
        literals: &["key", "token", "secret", "auth"],
        finder: Finder::Keys(&[
            "apikey", "appkey", "accesskey", "accountkey", "authkey", "encryptionkey", "masterkey", "sharedkey",
            "signingkey", "privatekey", "servicekey", "clientkey", "consumerkey", "sessionkey", "storagekey",
            "subscriptionkey", "webhookkey", "adminkey", "sharedaccesskey", "licensekey", "accesstoken", "authtoken",
            "apitoken", "authenticationtoken", "authorizationtoken", "bearertoken", "refreshtoken", "idtoken",
            "sessiontoken", "oauthtoken", "personalaccesstoken", "bottoken", "deploytoken", "csrftoken", "privatetoken",
            "jobtoken", "clientsecret", "apisecret", "appsecret", "consumersecret", "webhooksecret", "oauthsecret",
            "-auth",
        ]),
    },
    Rule {
        id: "secret",
        placeholder: super::SECRET,
        description: "Value of a secret, secret key, token or credential that no other rule names",
        literals: &["secret", "token", "cred"],
        finder: Finder::Keys(&[
            "secret", "secretkey", "secretvalue", "sharedsecret", "token", "credential", "credentials", "creds", "cred",
        ]),
    },
];
