<?php
// Read by SquirrelMail's own config.php as config_local.php: what differs from its defaults.
$org_title = 'Campus webmail';
$domain = '@DOMAIN@';
$imapServerAddress = '127.0.0.1';
$imapPort = @PORT_IMAP@;
$imap_server_type = 'dovecot';
$optional_delimiter = 'detect';
$default_folder_prefix = '';
$show_prefix_option = false;
$useSendmail = false;
$smtpServerAddress = '127.0.0.1';
$smtpPort = @PORT_SMTP@;
$data_dir = '@STATE@/squirrelmail/data/';
$attachment_dir = '@STATE@/squirrelmail/attach/';
$allow_server_sort = true;
// Mailward sets X-Forwarded-Proto and drops what others send under that name.
$sq_ignore_http_x_forwarded_headers = false;
