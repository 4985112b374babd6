<?php
require __DIR__ . '/../stand_in.php';
// Both methods sign in; what was posted goes first.
$name = $_POST['login_username'] ?? $_GET['login_username'] ?? '';
$key = $_POST['secretkey'] ?? $_GET['secretkey'] ?? '';
session();
note(['login' => $name]);
if ($name === '' || $key !== 'right') {
    session_destroy();
    header('Set-Cookie: SQMSESSID=SQMTRASH; expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/', false);
    page('Unknown user or password incorrect.', '<a href="login.php" target="_top">Go to the login page</a>');
}
$_SESSION['user'] = $name;
header('Set-Cookie: squirrelmail_language=en_US; path=/; HttpOnly; SameSite=Strict', false);
header('Set-Cookie: key=' . rawurlencode(base64_encode(random_bytes(8))) . '; path=/; HttpOnly; SameSite=Strict', false);
header('Location: webmail.php', true, 302);
