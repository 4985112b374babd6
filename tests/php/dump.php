<?php
// Writes down what PHP made of a request: the oracle for src/webmail/php. Names and texts in base64, arrays as null.
function dump(array $variables): array
{
    $written = [];
    foreach ($variables as $name => $value) {
        $written[] = [base64_encode((string) $name), is_array($value) ? null : base64_encode($value)];
    }
    return $written;
}

header('Content-Type: application/json');
echo json_encode([
    'get'    => dump($_GET),
    'post'   => dump($_POST),
    'cookie' => dump($_COOKIE),
    'files'  => dump($_FILES),
]);
