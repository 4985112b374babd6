<?php
// Says which script ran for which request with how long a body, to whoever asks and into a file.
$line = json_encode([
    'method' => $_SERVER['REQUEST_METHOD'],
    'uri' => $_SERVER['REQUEST_URI'],
    'script' => substr($_SERVER['SCRIPT_FILENAME'], strlen($_SERVER['DOCUMENT_ROOT'])),
    'host' => $_SERVER['HTTP_HOST'] ?? '',
    'claims' => array_values(array_intersect_key($_SERVER, ['HTTP_X_SMUGGLED' => 1, 'HTTP_TRANSFER_ENCODING' => 1])),
    'length' => strlen(file_get_contents('php://input')),
], JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
file_put_contents($_SERVER['FRAMING_LOG'], "$line\n", FILE_APPEND | LOCK_EX);
header('Content-Type: application/json');
echo $line;
