<?php
require __DIR__ . '/../stand_in.php';
session();
if (!signed_in()) {
    must_sign_in('You must be logged in to access this page.');
}
page('Messages', 'a list for ' . htmlspecialchars($_SESSION['user']));
