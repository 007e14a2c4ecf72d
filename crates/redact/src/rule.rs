//! What a rule is made of.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::ViewKind;
use crate::everywhere::Everywhere;
use crate::excuse::Excuses;
use crate::text::Text;

/// A text that is part of the program, or was read from a policy.
pub type Name = Cow<'static, str>;

/// A rule: one kind of secret, how to see it and what to put in its place.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Stable, public name.
    pub(crate) id: Name,
    /// Text that replaces the secret.
    pub(crate) placeholder: Name,
    /// One line for the user.
    pub(crate) about: Name,
    /// Page that shows the format; empty where there is none.
    pub(crate) source: Name,
    /// What kind of secret it is.
    pub(crate) class: Class,
    /// How certain its findings are.
    pub(crate) layer: Layer,
    /// Strings, one of which every match contains or stands behind (ASCII letters in any case); the finder runs only
    /// where one was seen. None for a rule that looks everywhere.
    pub(crate) literals: Words,
    /// How the match is made once a literal was seen.
    pub(crate) finder: Finder,
}

impl Rule {
    /// A rule written in Rust, of the generic layer.
    pub(crate) const fn new(
        id: &'static str,
        placeholder: &'static str,
        about: &'static str,
        literals: &'static [&'static str],
        finder: Finder,
    ) -> Self {
        Self {
            id: Name::Borrowed(id),
            placeholder: Name::Borrowed(placeholder),
            about: Name::Borrowed(about),
            source: Name::Borrowed(""),
            class: Class::Token,
            layer: Layer::Format,
            literals: Words::Fixed(literals),
            finder,
        }
    }

    /// Whether a key in whose name only this rule's words stand says too little: the value has to look generated.
    pub(crate) fn is_weak(&self) -> bool {
        self.id == crate::rules::NAMED_KEY
    }

    /// The same rule on another layer.
    pub(crate) const fn layer(mut self, layer: Layer) -> Self {
        self.layer = layer;
        self
    }

    /// The same rule for another class of secrets.
    pub(crate) const fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }
}

/// How certain the findings of a rule are, which says in which profiles it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The secret has a format that hardly anything else has.
    Format,
    /// What stands around it names a secret.
    Generic,
    /// It only looks generated.
    Entropy,
}

/// What kind of secret a rule finds; a policy can treat a whole class alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A token: made by a service, names its bearer.
    Token,
    /// A key of an interface, a client secret, a signing key.
    ApiKey,
    /// Chosen by a human, or where one would be.
    Password,
    /// A private key of asymmetric cryptography, or the seed of a wallet.
    PrivateKey,
    /// An address that is enough to act.
    Webhook,
    /// Address, user and password of a service in one text.
    ConnectionString,
    /// A cookie or id of a session.
    Session,
    /// Half a credential: a client id, a tenant; no secret by itself.
    Identifier,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::Token,
        Self::ApiKey,
        Self::Password,
        Self::PrivateKey,
        Self::Webhook,
        Self::ConnectionString,
        Self::Session,
        Self::Identifier,
    ];

    /// Its public name, such as `api-key`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ApiKey => "api-key",
            Self::Password => "password",
            Self::PrivateKey => "private-key",
            Self::Webhook => "webhook",
            Self::ConnectionString => "connection-string",
            Self::Session => "session",
            Self::Identifier => "identifier",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a rule turns a seen literal into a secret.
#[derive(Debug, Clone)]
pub(crate) enum Finder {
    /// The secret has a format of its own; see [`crate::format`].
    Format(Format),
    /// The secret is a value; the key in front of it ends in one of these words.
    ///
    /// Words are lower case without separators: `apikey` stands for `api_key`, `API-KEY` and `apiKey`. A leading `-` asks
    /// for a word boundary: `-pass` matches `db_pass` and `dbPass`, but not `compass`.
    Keys(&'static [&'static str]),
    /// Anything else: gets the text and the seen literal, and adds what it finds.
    Function(FindFunction),
    /// There is no literal: the whole text is looked at.
    Everywhere(Everywhere),
}

/// Signature of [`Finder::Function`]; the work per call is bounded, or paid for by the span it adds.
pub(crate) type FindFunction = fn(Text<'_>, Range<usize>, &mut Vec<Range<usize>>);

/// A format: a pattern and where to look for it.
#[derive(Debug, Clone)]
pub(crate) struct Format {
    /// Regular expression with ASCII classes; its first group is the secret, or all of it if there is none. It says what
    /// is *certain*: the engine extends the secret to the end of its token.
    pub(crate) pattern: Name,
    /// Where the pattern stands to the literal.
    pub(crate) place: Place,
    /// Most bytes of a match.
    pub(crate) reach: usize,
    /// Whether the secret is the whole URL around the match.
    pub(crate) whole_url: bool,
    /// Whether a near match has to look generated beyond doubt, because nothing is known of its format.
    pub(crate) surely: bool,
}

/// A list of words that is part of the program, or was read from a policy.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// Of the program.
    Fixed(&'static [&'static str]),
    /// Of a policy.
    Own(Vec<String>),
}

impl Words {
    /// Every word.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (fixed, own): (&[&str], &[String]) = match self {
            Self::Fixed(words) => (words, &[]),
            Self::Own(words) => (&[], words),
        };
        fixed.iter().copied().chain(own.iter().map(String::as_str))
    }

    /// Says whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Where a pattern stands to the literal that was seen.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// The match begins with the literal.
    Prefix,
    /// The literal is somewhere in the match.
    Inner,
    /// The literal is somewhere in the match or near it, and the pattern itself knows where a match begins and what is
    /// none.
    Around(Excuses),
    /// The literal is a word shortly in front of the match, which has no mark of its own; one of these words has to be
    /// near as well, if there are any.
    Near(Words),
}

/// A secret in the input and the rule that saw it.
#[derive(Debug, Clone)]
pub(crate) struct Match {
    /// Place of the secret; both ends are character boundaries.
    pub(crate) range: Range<usize>,
    /// Place of the rule in the engine: the lower, the stronger.
    pub(crate) rule: usize,
    /// Quotes to put around the placeholder, so that a number in JSON becomes a string.
    pub(crate) quotes: Option<Range<usize>>,
    /// The form of the text in which it was seen.
    pub(crate) view: ViewKind,
}
