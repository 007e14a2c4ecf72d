//! Passwords in URLs (RFC 3986 §3.2.1) and on the command line of curl.

use crate::rule::{Class, Finder, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule::new(
        "url-password",
        super::PASSWORD,
        "Password or token in front of the @ of a URL or connection string",
        &["://", ":\\/\\/"],
        Finder::Function(crate::url::find_userinfo),
    )
    .class(Class::Password),
    Rule::new(
        "curl-user",
        super::PASSWORD,
        "Password in curl -u user:password",
        &["curl"],
        Finder::Function(crate::url::find_curl_user),
    )
    .class(Class::Password),
    Rule::new(
        "command-password",
        super::PASSWORD,
        "Password in the arguments of a command: mysql -p…, sshpass -p …, redis-cli -a …",
        &[
            "7za",
            "az login",
            "cqlsh",
            "docker login",
            "evil-winrm",
            "helm registry login",
            "http",
            "httpie",
            "ipmitool",
            "keytool",
            "ldapadd",
            "ldapmodify",
            "ldapsearch",
            "mariadb",
            "mongo",
            "mongodump",
            "mongorestore",
            "mongosh",
            "mysql",
            "mysqladmin",
            "mysqldump",
            "oc login",
            "openssl",
            "podman login",
            "redis-cli",
            "rpcclient",
            "smbclient",
            "snmpget",
            "snmpwalk",
            "sqlcmd",
            "sshpass",
            "unzip",
            "xfreerdp",
            "zip",
        ],
        Finder::Function(crate::command::find_password),
    )
    .class(Class::Password),
];
