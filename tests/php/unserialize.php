<?php
// For each line of the body, percent-encoded: what PHP makes of it. "same": an array without objects, written just so by
// PHP itself; "array": an array without objects; "object": with one; "other".
header('Content-Type: text/plain');
function has_object(mixed $value, int $depth = 0): bool
{
    // An array may have been made to hold itself.
    if (is_object($value) || $depth > 64) {
        return true;
    }
    if (is_array($value)) {
        foreach ($value as $member) {
            if (has_object($member, $depth + 1)) {
                return true;
            }
        }
    }
    return false;
}
foreach (explode("\n", file_get_contents('php://input')) as $line) {
    $text = rawurldecode($line);
    $value = @unserialize($text, ['allowed_classes' => false]);
    if (has_object($value)) {
        echo "object\n";
    } elseif (!is_array($value)) {
        echo "other\n";
    } else {
        echo serialize($value) === $text ? "same\n" : "array\n";
    }
}
