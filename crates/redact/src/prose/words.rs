//! The words of every language, as data.
//!
//! To add a language, add its table to [`LANGUAGES`] and the nouns' stems to the literals in `src/rules/prose.rs`, then
//! sentences to `tests/data/`. Words are in lower case, set apart by commas; a noun may have blanks inside.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a word does in a sentence that gives a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Names a password.
    Password,
    /// Names a password, but mostly means something else; counts only with an article or a user name in front.
    Pass,
    /// Names a number that opens something.
    Pin,
    /// Names a token, key or secret.
    Secret,
    /// Speaks of logging in, so that `name / password` may follow.
    Login,
    /// Joins noun and value: "is".
    Verb,
    /// Announces nothing but a value: "reads".
    Announce,
    /// May stand between joint and value, or in front of a noun: "now", "the".
    Filler,
    /// Joins a value to the noun behind it: "X as password".
    Lead,
    /// Asks to give a value: "enter".
    Command,
    /// Changes a password; forms of it begin so.
    Change,
    /// Leads to the value if the sentence changes a password: "to".
    Into,
    /// Stands in front of a value where a log-in is described: "with".
    With,
    /// Makes the number in front of it a measure: "characters".
    Unit,
    /// Begins a description of the noun: "for".
    About,
    /// Turns the noun in front of it into another thing: "manager".
    Head,
    /// Is never a password.
    Plain,
}

/// A set of languages, one bit each.
pub(super) type Languages = u32;

/// English, whose nouns are also keys in code.
pub(super) const ENGLISH_BIT: Languages = 1;

/// Says what `word`, in lower case, does in one of `languages`.
pub(super) fn role(word: &str, languages: Languages) -> Option<Role> {
    roles(word).find(|(language, _)| language & languages != 0).map(|(_, role)| role)
}

/// Says in which of `languages` a word, in lower case, does this among other things.
pub(super) fn languages_of(word: &str, role: Role, languages: Languages) -> Languages {
    roles(word).filter(|(_, found)| *found == role).fold(0, |all, (language, _)| all | language) & languages
}

/// Says which languages have `noun`, and what it names.
pub(super) fn noun(noun: &str) -> Option<(Role, Languages)> {
    let (_, role) = roles(noun).find(|(_, role)| NOUNS.contains(role))?;
    Some((role, languages_of(noun, role, u32::MAX)))
}

/// Says whether `word` is a small or technical word in any language, so that it is no part of a passphrase.
pub(super) fn is_known(word: &str) -> bool {
    TABLE.contains_key(word)
}

/// Says in which of `languages` a word is a form of a verb that changes things.
pub(super) fn changing(word: &str, languages: Languages) -> Languages {
    let all = CHANGES.iter().filter(|(language, stem)| languages & language != 0 && word.starts_with(stem));
    all.fold(0, |all, (language, _)| all | language)
}

/// The longest compound noun's last part, for languages that write compounds in one word.
pub(super) fn last_part(word: &str) -> Option<&'static str> {
    ["passwort", "kennwort", "wachtwoord"].into_iter().find(|part| word.ends_with(part))
}

fn roles(word: &str) -> impl Iterator<Item = (Languages, Role)> {
    TABLE.get(word).into_iter().flatten().copied()
}

/// What names something that is given with a value.
const NOUNS: [Role; 5] = [Role::Password, Role::Pass, Role::Pin, Role::Secret, Role::Login];

/// What every word does in which language.
static TABLE: LazyLock<HashMap<&'static str, Vec<(Languages, Role)>>> = LazyLock::new(|| {
    let mut table: HashMap<_, Vec<_>> = HashMap::new();
    for (language, role, word) in entries().filter(|(_, role, _)| *role != Role::Change) {
        table.entry(word).or_default().push((language, role));
    }
    table
});

/// The stems of [`Role::Change`].
static CHANGES: LazyLock<Vec<(Languages, &'static str)>> = LazyLock::new(|| {
    let stems = entries().filter(|(_, role, _)| *role == Role::Change);
    stems.map(|(language, _, stem)| (language, stem)).collect()
});

/// Every word of every language.
pub(super) fn entries() -> impl Iterator<Item = (Languages, Role, &'static str)> {
    LANGUAGES.iter().enumerate().flat_map(|(index, words)| {
        let split = |&(role, words): &(Role, &'static str)| words.split(", ").map(move |word| (role, word));
        words.iter().flat_map(split).map(move |(role, word)| (1 << index, role, word))
    })
}

/// Every language, one table each.
const LANGUAGES: &[&[(Role, &str)]] = &[
    ENGLISH, GERMAN, SPANISH, FRENCH, PORTUGUESE, ITALIAN, RUSSIAN, TURKISH, DUTCH, POLISH, ARABIC, HINDI,
    INDONESIAN, VIETNAMESE, CZECH, SWEDISH, SPACELESS,
];

const ENGLISH: &[(Role, &str)] = &[
    (
        Role::Password,
        "password, passwords, passwd, pwd, pw, pws, passcode, passphrase, unlock code, access code, wifi key, wpa key",
    ),
    (Role::Pass, "pass"),
    (
        Role::Pin,
        "pin, pin code, alarm code, door code, gate code, backup code, recovery code, recovery key, security code",
    ),
    (Role::Secret, "secret, secrets, token, tokens, api key, access key, secret key"),
    (
        Role::Login,
        "login, logins, log in, logged in, log into, sign in, creds, credentials, basic auth, ssh in",
    ),
    (Role::Verb, "is, was, be, being, remains, equals, became, are, it's, that's, 's"),
    (Role::Announce, "reads, read, namely"),
    (
        Role::Filler,
        "now, still, just, currently, again, simply, actually, really, the, a, my, our, your, his, her, \
        their, its, this, that, called, used, to be, only, currently, temporarily, probably, always, set, changed, \
        literally, new, old, default, code",
    ),
    (Role::Lead, "as"),
    (Role::Command, "enter, type, use, try, using, give, remember, send, paste, put, provide"),
    (Role::With, "with, and"),
    (Role::Change, "chang, set, reset, updat, rotat, switch, renam"),
    (Role::Into, "to, from, into"),
    (
        Role::Unit,
        "characters, chars, character, char, bytes, byte, bits, bit, digits, digit, letters, letter, words, \
        days, day, hours, hour, minutes, minute, min, seconds, second, times, rounds, iterations, users, entries, \
        attempts, more, or, of, years, months, weeks, keys, items, pages, tests, percent, to",
    ),
    (Role::About, "for, of, on, from, to, at, in, you, that, i, which"),
    (
        Role::Head,
        "request, requests, manager, managers, field, fields, hash, hashes, hashing, policy, policies, reset, dialog, page, \
        file, column, prompt, length, generator, store, vault, rules, input, box, provider, type, parameter, \
        protected, protection, based, form, strength, auth, authentication, authorization, entry, database, \
        reset, recovery, change, changes, checker, hint, hints, screen, window, list, spray, cracking, guessing, \
        derivation, verification, validation, mismatch, rotation, expiry, expiration, settings, complexity, \
        authenticated, encoder, callback, prompt, attempts, hasher, verifier, column, columns, less",
    ),
    (
        Role::Plain,
        "because, since, pretty, quite, rather, easy, hard, simple, somewhere, anywhere, everyone, someone, nobody, stored, kept, \
        saved, shown, sent, given, known, taken, made, shared, written, visible, available, necessary, important, different, another, \
        yesterday, today, tomorrow, soon, until, while, whose, after, before, during, inside, outside, within, across, against, among, \
        around, about, behind, under, over, such, both, either, neither, already, almost, enough, maybe, perhaps, definitely, \
        certainly, like, no, good, bad, fine, stays, lives, comes, goes, gets, works, needs, makes, takes, keeps, \
        none, null, unknown, unchanged, optional, required, mandatory, missing, empty, blank, wrong, correct, incorrect, \
        invalid, valid, expired, weak, strong, hidden, secret, redacted, encrypted, plain, plaintext, string, text, \
        boolean, integer, number, object, value, yes, no, true, false, see, below, above, ask, not, and, or, if, it, \
        in, at, by, with, when, then, but, will, must, can, should, cannot, may, has, have, had, please, leave, \
        minimum, maximum, least, most, same, user, username, name, email, admin, login, than, needed, n/a, todo, \
        tbd, example, here, there, always, never, check, checked, checks, one, two, any, every, all, some, \
        other, each, between, without, via, per, only, also, into, they, them, we, us, me, he, she, do, does, did, \
        don't, isn't, doesn't, won't, can't, how, what, why, who, where, was, were, been, am, so, too, very, more, \
        less, short, long, first, last, next, previous, current, following, error, failed, failure, success, ok, \
        okay, denied, accepted, rejected, case, sensitive, special, upper, lower, uppercase, lowercase, symbols, \
        character, contain, contains, using, safe, secure, security, account, accounts, config, configuration, \
        settings, environment, variable, option, options, argument, flag, key, client, server, service, session",
    ),
    (
        Role::Plain,
        "ipv4, ipv6, 2fa, u2f, fido2, webauthn, sha, sha1, sha2, sha3, sha256, sha512, md4, md5, aes, aes128, aes256, rsa, \
        rsa2048, rsa4096, utf, utf8, base64, base32, ed25519, x25519, secp256k1, pbkdf2, bcrypt, scrypt, argon2, argon2i, argon2id, \
        hs256, hs512, rs256, rs512, es256, oauth, oauth2, http2, http3, tls1, ssl3, ssh2, ssh1, k8s, s3, ec2, i18n, l10n, x509, \
        1password, lastpass, keepass, bitwarden, log4j, python3, python2, py3, es6, ntlmv2, wpa2, wpa3, pkcs8, pkcs12, pkcs1, \
        int32, int64, uint8, uint32, uint64, float64, jwt, json, yaml, hex, ascii, unicode, rfc, crypt, md5crypt, sha512crypt, \
        sha256crypt, d3, h2, mp3, mp4, x86, x64, x86_64, arm64, amd64, win32, web3, neo4j, auth0, oauth1, gpt4, c99, base58, base16, \
        saml2, http1, sqlite3, psycopg2, boto3, urllib3, lz4, 7z, p12, bz2, base85, blake2, blake2b, blake3, sha384, sha224, crc32, \
        gpt, pam, ldap, ssl, tls, ssh, vpn, sql, smtp, imap, ftp, sftp, url, uri, uuid, html, csv, xml, linux, windows, macos, \
        postgres, mysql, redis, docker, github, gitlab, google, facebook, twitter, apple, amazon, azure, sso, otp, totp, hotp, mfa",
    ),
];

const GERMAN: &[(Role, &str)] = &[
    (
        Role::Password,
        "passwort, password, passworts, passwörter, kennwort, kennworts, losung, zugangscode, passphrase, pw",
    ),
    (Role::Pin, "pin"),
    (Role::Secret, "geheimnis, token"),
    (Role::Login, "login, zugangsdaten, anmeldedaten, zugang, einloggen, eingeloggt"),
    (Role::Verb, "ist, war, wäre, heißt, heisst, sei, bleibt"),
    (Role::Announce, "lautet, lautete"),
    (
        Role::Filler,
        "jetzt, nun, noch, immer, wieder, einfach, das, die, der, dem, den, ein, mein, unser, dein, ihr, euer, \
        neue, alte, aktuell, aktuelle, weiterhin, so, folgendes",
    ),
    (Role::Lead, "als"),
    (Role::Command, "nimm, nutze, nutz, verwende, benutze, tippe, eingeben, gib, probier, versuch, mit"),
    (Role::With, "mit, und"),
    (
        Role::Change,
        "geändert, ändere, gesetzt, setze, setz, stelle, umgestellt, zurückgesetzt, wechsle, gewechselt, änder",
    ),
    (Role::Into, "auf, zu, in, von"),
    (
        Role::Unit,
        "zeichen, stellen, buchstaben, ziffern, tage, tagen, stunden, minuten, sekunden, mal, bit, byte, bis",
    ),
    (Role::About, "für, von, vom, zum, zur, am, auf, im, des"),
    (
        Role::Plain,
        "mindestens, höchstens, siehe, nicht, kein, keine, erforderlich, falsch, richtig, vergessen, leer, \
        pflicht, pflichtfeld, optional, unbekannt, ungültig, abgelaufen, und, oder, ist, sind, muss, darf, bitte, \
        wie, aus, bei, bis, nach, wird, wurde, über, unter, tresor, zurücksetzen, ändern",
    ),
];

const SPANISH: &[(Role, &str)] = &[
    (Role::Password, "contraseña, password, contraseñas, contrasena, clave, claves"),
    (Role::Pin, "pin"),
    (Role::Secret, "secreto, token"),
    (Role::Login, "login, credenciales, acceso, sesión"),
    (Role::Verb, "es, era, sería, será, sigue, siendo, fue"),
    (
        Role::Filler,
        "ahora, la, el, mi, tu, su, nuestra, una, un, nueva, vieja, todavía, aún, siempre, actual, siguiente",
    ),
    (Role::Lead, "como"),
    (Role::Command, "usa, use, utiliza, prueba, introduce, escribe, pon, ingresa, teclea, con"),
    (Role::With, "con, y"),
    (Role::Change, "cambi, puse, pus, actualic, restablec"),
    (Role::Into, "a, por, en, de"),
    (
        Role::Unit,
        "caracteres, carácter, letras, dígitos, días, horas, minutos, segundos, veces, bits, bytes, o, a",
    ),
    (Role::About, "de, del, para, en, al"),
    (
        Role::Plain,
        "mínimo, máximo, incorrecta, correcta, obligatoria, requerida, inválida, vacía, caducada, olvidada, no, ver, \
        que, los, las, por, al, menos, debe, primaria, pública, y, o, ninguna, opcional, desconocida, vacío",
    ),
];

const FRENCH: &[(Role, &str)] = &[
    (
        Role::Password,
        "mot de passe, password, mots de passe, mdp, code d'accès, code d’accès, code wifi, phrase de passe",
    ),
    (Role::Pin, "code pin, pin"),
    (Role::Secret, "secret, jeton, token"),
    (Role::Login, "login, identifiants"),
    (Role::Verb, "est, était, c'est, reste, sera"),
    (
        Role::Filler,
        "maintenant, le, la, les, mon, ton, son, notre, votre, un, nouveau, ancien, toujours, encore, désormais, \
        actuel, suivant, simplement",
    ),
    (Role::Lead, "comme"),
    (
        Role::Command,
        "utilise, utilisez, essaie, essayez, entre, entrez, tape, tapez, saisis, saisissez, mets, avec",
    ),
    (Role::With, "avec, et"),
    (Role::Change, "chang, mis, modifi, réinitialis, remplac"),
    (Role::Into, "en, par, à, pour, de"),
    (
        Role::Unit,
        "caractères, caractère, lettres, chiffres, jours, heures, minutes, secondes, fois, bits, octets, ou, à",
    ),
    (Role::About, "du, de, pour, des, sur, au"),
    (
        Role::Plain,
        "incorrect, invalide, obligatoire, oublié, requis, vide, expiré, minimum, maximum, moins, voir, pas, doit, et, \
        ou, dans, sur, trop, aucun, facultatif, inconnu, coffre",
    ),
];

const PORTUGUESE: &[(Role, &str)] = &[
    (Role::Password, "senha, password, senhas, palavra-passe, palavra passe"),
    (Role::Pin, "pin"),
    (Role::Secret, "segredo, token"),
    (Role::Login, "login, credenciais, acesso"),
    (Role::Verb, "é, era, será, ficou, continua, sendo, foi"),
    (Role::Filler, "agora, a, o, minha, nossa, sua, tua, uma, nova, antiga, ainda, sempre, atual, seguinte"),
    (Role::Lead, "como"),
    (Role::Command, "use, usa, usar, tente, digite, insira, coloque, com"),
    (Role::With, "com, e"),
    (Role::Change, "mud, alter, troqu, coloqu, redefin, atualiz"),
    (Role::Into, "para, por, de"),
    (Role::Unit, "caracteres, letras, dígitos, dias, horas, minutos, segundos, vezes, bits, bytes, ou, a"),
    (Role::About, "do, da, de, para, no, na"),
    (
        Role::Plain,
        "mínimo, máximo, inválida, obrigatória, incorreta, correta, vazia, expirada, ver, não, deve, pelo, menos, e, ou, \
        nenhuma, opcional, desconhecida",
    ),
];

const ITALIAN: &[(Role, &str)] = &[
    (Role::Password, "password, parola d'ordine, parola d’ordine, parola chiave, pwd, psw"),
    (Role::Pin, "pin"),
    (Role::Secret, "chiave, segreto, token"),
    (Role::Login, "login, credenziali, accesso"),
    (Role::Verb, "è, era, sarà, resta, rimane, e'"),
    (
        Role::Filler,
        "ora, adesso, la, il, mia, tua, sua, nostra, una, nuova, vecchia, ancora, sempre, attuale, seguente",
    ),
    (Role::Lead, "come"),
    (Role::Command, "usa, usate, prova, inserisci, digita, metti, scrivi, con"),
    (Role::With, "con, e"),
    (Role::Change, "cambia, cambio, modific, reimpost, messo, impost"),
    (Role::Into, "in, a, da, con"),
    (Role::Unit, "caratteri, lettere, cifre, giorni, ore, minuti, secondi, volte, bit, byte, o, a"),
    (Role::About, "del, della, di, per, dello, dell, su"),
    (
        Role::Plain,
        "minimo, massimo, obbligatoria, errata, corretta, vuota, scaduta, dimenticata, vedi, non, almeno, deve, troppo, \
        nessuna, opzionale, sconosciuta",
    ),
];

const RUSSIAN: &[(Role, &str)] = &[
    (Role::Password, "пароль, пароля, паролю, паролем, пароли"),
    (Role::Pin, "пин, пин-код, пинкод"),
    (Role::Secret, "токен, секрет, ключ"),
    (Role::Login, "логин, доступ, доступы"),
    (Role::Verb, "это, был, будет, есть, стал"),
    (Role::Announce, "такой, следующий"),
    (
        Role::Filler,
        "теперь, сейчас, мой, твой, наш, ваш, новый, старый, всё, ещё, пока, просто, снова, прежний",
    ),
    (Role::Lead, "как"),
    (Role::Command, "введи, введите, используй, используйте, попробуй, набери, с, со"),
    (Role::With, "с, и"),
    (Role::Change, "помен, смен, измен, постав, сброс, установ, обнов"),
    (Role::Into, "на, с"),
    (
        Role::Unit,
        "символов, символа, символ, знаков, знака, букв, цифр, дней, дня, часов, часа, минут, секунд, раз, раза, бит, \
        байт, до, и",
    ),
    (Role::About, "от, для, к, на, у, в"),
    (
        Role::Plain,
        "не, менее, минимум, обязателен, неверный, верный, пустой, нет, короткий, истёк, забыт, изменён, важно, из, \
        см, или, и, в, на, никому",
    ),
];

const TURKISH: &[(Role, &str)] = &[
    (
        Role::Password,
        "şifre, şifresi, şifrem, şifreniz, şifremiz, şifreyi, şifren, şifreler, sifre, sifresi, sifrem, parola, \
        parolası, parolam, parolanız, parolayı, parolan",
    ),
    (Role::Secret, "anahtar, anahtarı, gizli"),
    (Role::Verb, "ise"),
    (Role::Filler, "artık, şimdi, hâlâ, hala, yeni, eski, bu, şu, şöyle, benim, olarak, da, de"),
    (Role::Change, "değiş, yap, ayarla, güncelle"),
    (
        Role::Unit,
        "karakter, hane, haneli, rakam, harf, gün, saat, dakika, saniye, kez, bit, bayt, karakterli",
    ),
    (
        Role::Plain,
        "en, az, çok, yanlış, doğru, gerekli, kısa, zorunlu, boş, ve, veya, için, geçersiz, kasada",
    ),
];

const ARABIC: &[(Role, &str)] = &[
    (Role::Password, "كلمة المرور, كلمة السر, كلمة سر, كلمة مرور, الرقم السري"),
    (Role::Verb, "هي, هو, كانت"),
    (Role::Filler, "الآن, الجديدة"),
    (Role::Unit, "أحرف, حرف, حروف, رقم, أرقام, يوم, أيام, دقائق"),
    (Role::Plain, "غير, صحيحة, خاطئة, مطلوبة, يجب, قصيرة, على, في, من"),
];

const HINDI: &[(Role, &str)] = &[
    (Role::Password, "पासवर्ड, पासकोड"),
    (Role::Pin, "पिन"),
    (Role::Verb, "है, था, होगा"),
    (Role::Filler, "अब, नया, मेरा"),
    (Role::Unit, "अक्षर, अक्षरों, अंक, अंकों, दिन, मिनट, घंटे"),
    (Role::Plain, "गलत, सही, आवश्यक, कम, से, का, की, के"),
];

const INDONESIAN: &[(Role, &str)] = &[
    (Role::Password, "kata sandi, kata sandinya, sandi, sandinya, password, passwordnya"),
    (Role::Verb, "adalah, yaitu, ialah"),
    (Role::Filler, "sekarang, baru, nya"),
    (Role::Lead, "sebagai"),
    (Role::Unit, "karakter, huruf, angka, digit, hari, menit, jam, kali"),
    (Role::About, "untuk, dari"),
    (Role::Plain, "salah, benar, wajib, minimal, harus, terlalu, lupa, tidak"),
];

const VIETNAMESE: &[(Role, &str)] = &[
    (Role::Password, "mật khẩu"),
    (Role::Verb, "là"),
    (Role::Unit, "ký, kí, chữ, số, ngày, phút, giờ, lần"),
    (Role::About, "của, cho"),
    (Role::Plain, "không, đúng, sai, phải, ít, nhất, mới, cũ, có"),
];

const CZECH: &[(Role, &str)] = &[
    (Role::Password, "heslo, hesla, heslem"),
    (Role::Verb, "je, bylo, bude"),
    (Role::Filler, "teď, nyní, moje, nové, staré"),
    (Role::Lead, "jako"),
    (Role::Unit, "znaků, znaky, znak, číslic, dnů, dní, minut, hodin, krát"),
    (Role::About, "k, ke, pro, na, od"),
    (Role::Plain, "nesprávné, povinné, musí, příliš, krátké, zapomenuté, alespoň, mít"),
];

const SWEDISH: &[(Role, &str)] = &[
    (Role::Password, "lösenord, lösenordet, passord, passordet, adgangskode, adgangskoden"),
    (Role::Verb, "är, var, er, blir"),
    (Role::Filler, "nu, fortfarande, mitt, vårt, nya, gamla"),
    (Role::Lead, "som"),
    (Role::With, "med, och"),
    (Role::Unit, "tecken, bokstäver, siffror, dagar, timmar, minuter, gånger, tegn"),
    (Role::About, "till, för, for, på"),
    (Role::Plain, "fel, felaktigt, krävs, måste, minst, högst, för, kort, glömt"),
];

const DUTCH: &[(Role, &str)] = &[
    (Role::Password, "wachtwoord, password, wachtwoorden, toegangscode"),
    (Role::Login, "login, inloggegevens"),
    (Role::Verb, "is, was, blijft, luidt, wordt"),
    (Role::Filler, "nu, nog, steeds, het, de, een, mijn, ons, je, jouw, nieuwe, oude, altijd, gewoon"),
    (Role::Lead, "als"),
    (Role::Command, "gebruik, probeer, typ, neem, met"),
    (Role::With, "met, en"),
    (Role::Change, "verander, gewijzig, wijzig, gezet, zet"),
    (Role::Into, "in, naar, op, van"),
    (Role::Unit, "tekens, letters, cijfers, dagen, uur, uren, minuten, seconden, keer, bits, bytes, of, tot"),
    (Role::About, "van, voor, op"),
    (
        Role::Plain,
        "minimaal, maximaal, minstens, zie, niet, onjuist, verplicht, vergeten, leeg, ongeldig, en, of, moet",
    ),
];

const POLISH: &[(Role, &str)] = &[
    (Role::Password, "hasło, hasła, hasłem, haslo, hasla"),
    (Role::Login, "login"),
    (Role::Verb, "to, jest, było, brzmi, będzie"),
    (Role::Filler, "teraz, nadal, moje, twoje, nasze, nowe, stare, wciąż, po, prostu"),
    (Role::Lead, "jako"),
    (Role::Command, "użyj, wpisz, spróbuj, podaj, z"),
    (Role::With, "z, i"),
    (Role::Change, "zmieni, ustawi, zresetow"),
    (Role::Into, "na, z"),
    (
        Role::Unit,
        "znaków, znaki, znak, liter, cyfr, dni, godzin, minut, sekund, razy, bitów, bajtów, do, lub",
    ),
    (Role::About, "do, dla, od"),
    (
        Role::Plain,
        "minimum, co, najmniej, nie, nieprawidłowe, wymagane, zapomniane, puste, podstawa, musi, oraz, lub, i",
    ),
];

/// Languages without blanks between words; `spaceless` reads them.
const SPACELESS: &[(Role, &str)] = &[
    (
        Role::Password,
        "密码, 密碼, 口令, パスワード, パスフレーズ, 暗証番号, 合言葉, 비밀번호, 비번, 패스워드, 암호",
    ),
    (Role::Secret, "密钥, 金鑰, 令牌, トークン, シークレット, 秘密鍵, 토큰, 시크릿"),
];
