<?php
require __DIR__ . '/../stand_in.php';
session();
session_destroy();
foreach (['SQMSESSID', 'key'] as $name) {
    header("Set-Cookie: $name=SQMTRASH; expires=Thu, 01 Jan 1970 00:00:01 GMT; path=/", false);
}
page('Signout', 'You have been successfully signed out.');
