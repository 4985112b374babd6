<?php
// Roundcube as it should be configured behind Mailward. The lines that matter for a gateway come first.
$config = [];

// Mailward's address: only from there do X-Forwarded-Proto (secure cookies) and X-Forwarded-For count.
$config['proxy_whitelist'] = ['127.0.0.1'];
// Mailward speaks HTTPS and redirects plain HTTP; with force_https Roundcube would redirect once more.
$config['force_https'] = false;
$config['use_https'] = false;
// People on the move change their address.
$config['ip_check'] = false;
// Failures a minute after which Roundcube refuses the right password too. Mailward limits guessing and lets the
// owner in all the same, so this must not be the limit that is met first.
$config['login_rate_limit'] = 1000;
$config['log_logins'] = true;
$config['smtp_log'] = true;

$config['db_dsnw'] = 'sqlite:///@STATE@/roundcube/db/roundcube.sqlite?mode=0640';
$config['log_driver'] = 'file';
$config['log_dir'] = '@STATE@/log/roundcube/';
$config['temp_dir'] = '@STATE@/roundcube/temp/';
$config['des_key'] = '@ROUNDCUBE_KEY@';
$config['imap_host'] = '127.0.0.1:@PORT_IMAP@';
$config['smtp_host'] = '127.0.0.1:@PORT_SMTP@';
$config['smtp_user'] = '';
$config['smtp_pass'] = '';
$config['mail_domain'] = '@DOMAIN@';
$config['product_name'] = 'Campus webmail';
$config['support_url'] = '';
$config['skin'] = 'elastic';
$config['language'] = 'en_US';
$config['enable_spellcheck'] = false;
$config['session_lifetime'] = 10;

$config['plugins'] = ['archive', 'zipdownload', 'markasjunk', 'managesieve', 'password'];
$config['managesieve_host'] = '127.0.0.1:@PORT_SIEVE@';
$config['password_driver'] = 'dovecot_passwdfile';
$config['password_dovecot_passwdfile_path'] = '@STATE@/accounts';
// The driver writes the hash as it is; with this the line says by itself how it is to be read.
$config['password_algorithm'] = 'sha512-crypt';
$config['password_algorithm_prefix'] = '{SHA512-CRYPT}';
$config['password_username_format'] = '%l';
$config['password_minimum_length'] = 8;
