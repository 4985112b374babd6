<?php
require __DIR__ . '/../stand_in.php';
session();
if (!signed_in()) {
    must_sign_in('You must be logged in to access this page.');
}
if (!empty($_GET['sendreceipt'])) {
    note(['sent' => $_SESSION['user'], 'receipt' => true]);
}
page('Read', 'a message');
