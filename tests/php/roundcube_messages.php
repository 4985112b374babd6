<?php
// Writes src/webmail/roundcube/messages.rs from a Roundcube installation:
//   php tests/php/roundcube_messages.php /usr/share/roundcube > src/webmail/roundcube/messages.rs
$names = ['storageerror', 'accountlocked', 'invalidrequest', 'invalidhost', 'cookiesdisabled'];
$hashes = [];
$languages = 0;
$failed = [];
foreach (glob($argv[1] . '/program/localization/*/messages.inc') as $file) {
    $messages = [];
    include $file;
    $languages++;
    $failed[fnv1a($messages['loginfailed'] ?? '')] = true;
    foreach ($names as $name) {
        if (!empty($messages[$name])) {
            $hashes[fnv1a($messages[$name])] = true;
        }
    }
}
$hashes = array_keys(array_diff_key($hashes, $failed));
sort($hashes, SORT_STRING);

function fnv1a(string $text): string
{
    return hash('fnv1a64', $text);
}

echo <<<RUST
    //! Made by `tests/php/roundcube_messages.php`; do not edit.

    /// FNV-1a hashes, sorted, of what Roundcube says in its $languages languages when a sign-in failed and the password was not
    /// judged: mail server away, too many attempts, token not valid, server not allowed, cookies off.
    pub(super) const NOT_JUDGED: &[u64] = &[

    RUST;
foreach ($hashes as $hash) {
    echo "    0x$hash,\n";
}
echo "];\n";
