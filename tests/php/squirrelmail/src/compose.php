<?php
require __DIR__ . '/../stand_in.php';
session();
if (!signed_in()) {
    must_sign_in($_POST ? 'Your session has expired, but will be resumed after logging in again.'
        : 'You must be logged in to access this page.');
}
function form(string $above): never
{
    $value = fn(string $name) => htmlspecialchars($_POST[$name] ?? '', ENT_QUOTES, 'ISO-8859-1');
    page('Compose', "$above<form name=\"compose\" action=\"compose.php\" method=\"post\" enctype=\"multipart/form-data\">"
        . "<input name=\"send_to\" value=\"{$value('send_to')}\"><textarea name=\"body\">{$value('body')}</textarea></form>");
}
$pressed = !empty($_POST['send']);
for ($button = 1; $button <= 9; $button++) {
    $pressed = $pressed || !empty($_POST["send$button"]);
}
if (!empty($_POST['draft'])) {
    note(['draft' => $_SESSION['user']]);
    location('right_main.php?mailbox=Drafts&startMessage=1&note=Draft+Email+Saved');
}
if (!$pressed) {
    form('');
}
if (trim(($_POST['send_to'] ?? '') . ($_POST['send_to_cc'] ?? '') . ($_POST['send_to_bcc'] ?? '')) === '') {
    form('You have not filled in the "To:" field.');
}
if (str_contains($_POST['send_to'], 'refused@')) {
    form('Message not sent. Server replied: 550');
}
note(['sent' => $_SESSION['user'], 'fields' => array_map('bin2hex', array_filter($_POST, 'is_string')),
    'file' => isset($_FILES['attachfile']) && $_FILES['attachfile']['error'] === UPLOAD_ERR_OK]);
if (str_contains($_POST['subject'] ?? '', 'slow')) {
    sleep(4);
}
if (str_contains($_POST['subject'] ?? '', 'brief')) {
    usleep(250000);
}
location('right_main.php?mailbox=INBOX&sort=6&startMessage=1');
