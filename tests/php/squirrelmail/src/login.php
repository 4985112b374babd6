<?php
require __DIR__ . '/../stand_in.php';
session();
page('Login', '<form action="redirect.php" method="post"><input name="login_username"><input type="password" name="secretkey"></form>');
