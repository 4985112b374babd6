<?php
// Stands in for SquirrelMail where the product itself is not installed: it behaves on the wire as 1.4.23 was seen to,
// as far as a gateway can tell, and PHP itself reads the requests. STATE is a folder for sessions and for `log`, one
// line of JSON for each sign-in tried, draft saved and message sent.

function note(array $what): void
{
    file_put_contents(getenv('STATE') . '/log', json_encode($what, JSON_INVALID_UTF8_SUBSTITUTE) . "\n", FILE_APPEND | LOCK_EX);
}

function session(): void
{
    session_name('SQMSESSID');
    session_save_path(getenv('STATE'));
    ini_set('session.use_strict_mode', '0');
    session_set_cookie_params(['path' => '/']);
    session_start();
    // The product sends it twice, the first without attributes.
    header('Set-Cookie: SQMSESSID=' . session_id() . '; path=/; HttpOnly; SameSite=Strict', false);
}

function signed_in(): bool
{
    return isset($_SESSION['user'], $_COOKIE['key']);
}

function page(string $title, string $body): never
{
    header('Content-Type: text/html; charset=iso-8859-1');
    echo "<html><head><title>Campus - $title</title></head><body>$body</body></html>";
    exit;
}

function must_sign_in(string $title): never
{
    page($title, '<a href="login.php" target="_top">Go to the login page</a>');
}

function location(string $to): never
{
    $scheme = ($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https' ? 'https' : 'http';
    $host = $_SERVER['HTTP_X_FORWARDED_HOST'] ?? $_SERVER['HTTP_HOST'];
    header("Location: $scheme://$host/src/$to", true, 302);
    exit;
}
