# En todas las páginas.
help = Ayuda: { $helpdesk }
reference = Código de referencia { $code }
continue = Continuar
back-to-webmail = Volver al correo
sign-out = Cerrar sesión

# La página que pide una segunda prueba.
ask-title = Confirme que es usted
ask-why = Algo en este inicio de sesión no es habitual en su cuenta. Muestre que es usted de verdad. Es un momento, y no se pierde nada de lo que escribió.
ask-why-restricted = Esta sesión solo puede leer. Con una de las siguientes pruebas podrá volver a hacerlo todo.
ask-why-manage = Antes de cambiar con qué demuestra que es usted, confírmelo una vez más.
factor-passkey = Llave de acceso
factor-totp = Código de su aplicación
factor-recovery_code = Código de recuperación
factor-helpdesk_code = Código del servicio de ayuda
hint-passkey = Desbloquee su llave de acceso con el dedo, la cara o el PIN, o toque su llave de seguridad.
hint-totp = Abra en su teléfono la aplicación que muestra sus códigos y escriba las seis cifras.
hint-recovery_code = Escriba uno de los diez códigos que imprimió o anotó. Cada uno sirve una vez.
hint-helpdesk_code = Pida un código al servicio de ayuda. Comprobarán que es usted y le leerán ocho cifras.
label-totp = Código de seis cifras
label-recovery_code = Código de recuperación
label-helpdesk_code = Código del servicio de ayuda
passkey-button = Usar la llave de acceso
passkey-script = Una llave de acceso necesita JavaScript, que está desactivado en este navegador. Elija otra forma.
passkey-failed = La llave de acceso no funcionó. Inténtelo de nuevo o elija otra forma.
remember = Este dispositivo es mío: recordar este navegador
confirm = Confirmar
other-ways = Otras formas
wrong-code = Este código no es correcto o ya se usó. Compruébelo e inténtelo de nuevo.
stale = Esta página había caducado. Inténtelo de nuevo.
too-many =
    { $minutes ->
        [one] Hubo demasiados códigos incorrectos. Espere un minuto o elija otra forma.
       *[other] Hubo demasiados códigos incorrectos. Espere { $minutes } minutos o elija otra forma.
    }
fault = Ahora no es posible por un fallo nuestro. Inténtelo de nuevo dentro de un minuto.

# Lo que viene después.
passed-title = Gracias
passed-restricted = Puede leer su correo. Para enviar o cambiar ajustes desde aquí, use una llave de acceso o pida un código al servicio de ayuda.
passed-frame = Confirmado. Su mensaje se está enviando.
nothing-title = Esta sesión solo puede leer
nothing-text = Algo en este inicio de sesión no es habitual en su cuenta. Por su seguridad puede leer correo, pero no enviarlo. Diríjase al servicio de ayuda, que puede abrirla al momento.

# La página personal.
account-title = Su cuenta
account-sessions = Dónde tiene la sesión iniciada
session-this = esta
state-open = puede hacerlo todo
state-restricted = solo puede leer
state-challenged = espera una confirmación
not-me-why = ¿No reconoce alguna? Entonces quizá otra persona conozca su contraseña.
not-me = No fui yo: cerrar todas las demás
not-me-title = Cambie su contraseña ahora
not-me-text = Todas las demás sesiones se han cerrado, los demás navegadores se han olvidado y los administradores están avisados. Quien conozca su contraseña aún puede entrar hasta que la cambie.
account-devices = Navegadores recordados
device-since = Conocido desde { $date }
device-used = usado por última vez { $date }
forget = Olvidar
account-factors = Con qué demuestra que es usted
factors-none = Todavía no hay nada configurado. Si un día un inicio de sesión suyo parece inusual, por ejemplo de viaje, solo podría leer. Configurarlo lleva un minuto.
factor-added = añadido { $date }
codes-left =
    { $count ->
        [one] Queda un código de recuperación.
       *[other] Quedan { $count } códigos de recuperación.
    }
remove = Quitar
add-app = Añadir una aplicación que muestre códigos
add-passkey = Añadir una llave de acceso
new-codes = Crear nuevos códigos de recuperación
change-blocked = Para cambiar algo aquí, inicie sesión en el campus, use un navegador que haya usado aquí desde hace al menos un día o pida un código al servicio de ayuda.
change-confirm = Para cambiar algo aquí, confirme primero que es usted.
use-helpdesk-code = Tengo un código del servicio de ayuda
changed = Hecho.
not-changed = No se hizo. Inténtelo de nuevo.
app-title = Añadir una aplicación que muestre códigos
app-scan = Abra en su teléfono una aplicación de códigos, por ejemplo la que ya tiene para contraseñas, y escanee esta imagen.
app-picture = Imagen para escanear con la aplicación
app-secret = Si no puede escanearla, escriba esta clave en la aplicación:
app-code = Después escriba las seis cifras que muestra la aplicación.
name-label = Un nombre, para reconocerlo más tarde
name-app = Mi teléfono
name-passkey = Mi llave de acceso
add = Añadir
cancel = Cancelar
passkey-title = Añadir una llave de acceso
passkey-text = Una llave de acceso está en su teléfono, ordenador o llave de seguridad y se desbloquea con el dedo, la cara o el PIN. Es la forma más segura: ninguna página falsa puede quitársela.
codes-title = Sus códigos de recuperación
codes-text = Imprímalos o anótelos y guárdelos aparte de su contraseña. Cada uno sirve una vez, para el día en que pierda el teléfono. No se volverán a mostrar.

held-title = Su mensaje espera
held-text = Ha confirmado que es usted. Su mensaje todavía no se ha enviado.
held-send = Continuar con él
held-done-title = Este mensaje ya se envió o se está enviando
held-done-text = No hay nada más que hacer. Si tiene dudas, mire en la carpeta de enviados.

factor-other_address = Código a otra dirección
hint-other_address = Enviamos seis cifras a otra dirección suya.
label-other_address = El código que enviamos
send-code = Enviar un código
code-sent = El código está en camino. Vale diez minutos; mire también en la carpeta de correo no deseado.
code-not-sent = No se pudo enviar el código. Inténtelo más tarde o elija otra forma.
too-many-letters = Ya se enviaron demasiados códigos. Espere una hora o elija otra forma.
add-address = Añadir otra dirección
address-title = Añadir otra dirección
address-text = Una dirección suya en otro sitio, no aquí. Allí van los códigos cuando un inicio de sesión parece inusual, y los avisos sobre su cuenta.
address-label = Su otra dirección
address-own = Esto no es una dirección de correo, o pertenece a este buzón. Use una de otro sitio.
letter-code-subject = Su código para { $site }
letter-code = Su código es { $code }. Vale diez minutos. Si no lo pidió, alguien conoce su contraseña: cámbiela enseguida.
letter-notice-subject = Novedades de su cuenta en { $site }
letter-changed = Se cambió con qué demuestra que es usted.
letter-new = Alguien inició sesión con un navegador o desde un país nuevo para su cuenta.
letter-not-you = Si no fue usted, abra esta página y cambie su contraseña:

# The page that asks for a new password.
password-title = Elija una contraseña nueva
password-breached = La contraseña que acaba de usar figura en una lista de contraseñas robadas que los ladrones prueban en todas partes. Quizá se conoció en otro sitio donde también la usa.
password-weak = La contraseña que acaba de usar es fácil de adivinar.
password-by = Cámbiela antes del { $date }. Después podrá leer su correo aquí, pero no enviar nada hasta que la cambie.
password-now = El plazo ha terminado. Hasta que cambie la contraseña podrá leer su correo aquí, pero no enviar ni cambiar ajustes.
password-then = Cuando la haya cambiado allí, vuelva a iniciar sesión aquí con la nueva.
password-change = Cambiar la contraseña
later = Más tarde
password-read = Leer mi correo

# Confirming from campus: what is shown where it is asked, and on the person's page there.
factor-campus = Confirmación desde el campus
hint-campus = Alguien que tiene abierta su cuenta en el campus, usted o una persona de confianza en su mesa, confirma que es usted.
label-campus = Número
campus-open = En un webmail abierto en el campus, vaya a { $address } y escriba allí este número. Tiene cinco minutos.
campus-done = Ya está confirmado allí: continuar
campus-not-yet = Todavía no está confirmado. Escriba primero el número en el campus.
campus-too-many = Se ha pedido demasiadas veces. Espere una hora o elija otra forma.
campus-title = ¿Es usted, en otro lugar?
campus-text = Alguien que conoce su contraseña inicia sesión desde aquí y pide su confirmación:
campus-label = Si es usted: el número que se muestra allí
campus-else = Si no es usted, no escriba nada: quien sea se queda fuera. Cambie su contraseña.
campus-confirmed = Confirmado. Pulse «continuar» en la otra pantalla.
campus-wrong = Ese no es el número que se muestra allí.
campus-gone = Ya nadie espera una confirmación. Si era usted, pídala de nuevo.

# The page that invites to set up a second proof.
invite-title = Un minuto que protege su cuenta
invite-text = Las contraseñas se roban. Con una aplicación en su teléfono o una llave de acceso puede demostrar que es usted, por ejemplo de viaje, y nadie más entra solo con su contraseña. Configurarlo lleva un minuto.
invite-button = Configurar
not-now = Ahora no

# Where codes may go to a telephone too.
address-text-or-telephone = Una dirección de correo suya en otro sitio, no aquí, o el número de su móvil con el prefijo del país, por ejemplo +49 151 12345678. Allí van los códigos cuando un inicio de sesión parece inusual; los avisos sobre su cuenta van a direcciones de correo.
address-label-or-telephone = Su otra dirección o número de teléfono
address-own-or-telephone = No es una dirección de correo en otro sitio ni un número de teléfono que empiece por + y el prefijo del país.
