# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_forgectl_global_optspecs
    string join \n h/help V/version
end

function __fish_forgectl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_forgectl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_forgectl_using_subcommand
    set -l cmd (__fish_forgectl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c forgectl -n "__fish_forgectl_needs_command" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_needs_command" -s V -l version -d 'Print version'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "check" -d 'Reads an answer file and says what is wrong with it, and what would become of a recorded machine'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "record" -d 'Writes a machine into a file, for "check --machine" somewhere else'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "plan" -d 'Says what an install would do, and changes nothing'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "install" -d 'Installs a payload, as the answers say'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "disks" -d 'Lists the disks of this machine, and why one can not be taken'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "unattended" -d 'Installs as answers say that come with this machine or its medium; nobody has to be there'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "attach" -d 'Comes back to an install on a disk that goes on by itself: shows progress, hands over'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "verify" -d 'Checks an installed disk or file against its receipt, without mounting it'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "audit" -d 'Measures what this machine keeps of the promises of its system'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "machine" -d 'Shows whether this machine\'s key is enrolled, and what its firmware says'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "receipt" -d 'Checks receipts'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "enroll" -d 'Asks once more to have this machine\'s key enrolled at the next start, with a new code'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "firmware" -d 'Lists the proprietary firmware of this machine, adds some and takes it away'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "credentials" -d 'Opens sealed credentials, and seals a password for answers'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "answers" -d 'Signs answers, and checks their signature'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "payload" -d 'Makes and checks payloads'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "schema" -d 'Prints the JSON Schema of answer files'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "completions" -d 'Prints completions for a shell'
complete -c forgectl -n "__fish_forgectl_needs_command" -f -a "man" -d 'Writes the man pages'
complete -c forgectl -n "__fish_forgectl_using_subcommand check" -l machine -d 'A machine that "record" wrote. Says whether the answers are for it, which override is used and which disk would be erased with nobody there; ends with 3 when that would not begin' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand check" -l signed-by -d 'The OpenPGP certificate of who has to have signed the answers; the signature lies beside them and ends in .sig' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand check" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand check" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand record" -l output -d 'The file, which is replaced. It is printed when left out' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand record" -l salt -d 'What the digests are salted with; random when left out. With the same salt the same value gives the same digest' -r
complete -c forgectl -n "__fish_forgectl_using_subcommand record" -l with-identity -d 'Writes serial numbers, the UUID and WWNs as they are, and not as digests'
complete -c forgectl -n "__fish_forgectl_using_subcommand record" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand plan" -l answers -d 'The answer file' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand plan" -l payload -d 'The payload\'s directory, for a plain file. A disk gets the payload of the installation medium' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand plan" -l certificate -d 'The OpenPGP certificate that signs payloads, for a plain file' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand plan" -l target -d 'The disk (by the helper, as polkit allows) or the plain file to install to; everything on it is lost' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand plan" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand plan" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l answers -d 'The answer file' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l payload -d 'The payload\'s directory, for a plain file. A disk gets the payload of the installation medium' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l certificate -d 'The OpenPGP certificate that signs payloads, for a plain file' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l target -d 'The disk (by the helper, as polkit allows) or the plain file to install to; everything on it is lost' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l output -d 'The directory for the receipt, the credentials and the enrollment request' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l digest -d 'Goes on only if the plan has this digest (as `forgectl plan` prints it)' -r
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l log -d 'Appends every command line and stage to this file; each line begins with seconds since 1970. It holds no secret' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand install" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand disks" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand disks" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand unattended" -l root -d 'Looks for answers, consoles and the firmware\'s words below this directory, as tests do' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand unattended" -l countdown -d 'Seconds in which a key stops it' -r
complete -c forgectl -n "__fish_forgectl_using_subcommand unattended" -l settle -d 'Seconds in which volumes and disks may appear' -r
complete -c forgectl -n "__fish_forgectl_using_subcommand unattended" -l prefill -d 'Runs nothing: leaves the answers in /run/forge/answers as a proposal for the window'
complete -c forgectl -n "__fish_forgectl_using_subcommand unattended" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand attach" -l output -d 'The directory for the receipt, the credentials and the enrollment request' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand attach" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand attach" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand verify" -l receipt -d 'The receipt that was handed over; the one on the disk is used when left out' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand verify" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand audit" -l evidence -d 'Shows the evidence of every line, and not only where something is wrong'
complete -c forgectl -n "__fish_forgectl_using_subcommand audit" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand audit" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand machine" -l issue -d 'Writes into this file what a text console says before a login, such as /run/issue.d/forge.issue; removes it when nothing is left to do' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand machine" -l json -d 'Prints JSON'
complete -c forgectl -n "__fish_forgectl_using_subcommand machine" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand receipt; and not __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand receipt; and not __fish_seen_subcommand_from verify" -f -a "verify" -d 'Checks a receipt, its signature, and the boot files that it names'
complete -c forgectl -n "__fish_forgectl_using_subcommand receipt; and __fish_seen_subcommand_from verify" -l esp -d 'The directory that the EFI system partition is mounted or copied to; where this machine has it when left out' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand receipt; and __fish_seen_subcommand_from verify" -l disk -d 'A disk or a file with an installed system, not mounted' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand receipt; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand enroll" -l output -d 'The directory for the code. Without it, it is shown' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand enroll" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and not __fish_seen_subcommand_from list add remove" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and not __fish_seen_subcommand_from list add remove" -f -a "list" -d 'Shows what is on this machine and who accepted it, which devices ask for more, and what a payload has'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and not __fish_seen_subcommand_from list add remove" -f -a "add" -d 'Adds a bundle from a payload: whoever calls accepts it'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and not __fish_seen_subcommand_from list add remove" -f -a "remove" -d 'Takes a bundle away; it is gone at the next start'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from list" -l from -d 'A payload\'s directory' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from list" -l certificate -d 'The OpenPGP certificate that signs payloads' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from list" -l json -d 'Prints JSON, of this machine only'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from add" -l from -d 'A payload\'s directory: of the medium, or a copy' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from add" -l certificate -d 'The OpenPGP certificate that signs payloads. The helper has its own, and takes no other' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand firmware; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and not __fish_seen_subcommand_from open seal" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and not __fish_seen_subcommand_from open seal" -f -a "open" -d 'Prints what a sealed file holds: it is secret'
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and not __fish_seen_subcommand_from open seal" -f -a "seal" -d 'Seals a file, such as a password for answers, to a passphrase or to age keys'
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from open" -l passphrase-file -d 'The file that holds the passphrase, on one line. It is asked for on the terminal when left out' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from open" -l identity -d 'The age identity, as age-keygen writes it' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from seal" -l output -d 'The new file' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from seal" -l age-recipient -d 'An age public key; anybody with the identity to one of them can open it' -r
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from seal" -l passphrase-file -d 'The file that holds the passphrase, on one line. It is asked for on the terminal when left out' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand credentials; and __fish_seen_subcommand_from seal" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and not __fish_seen_subcommand_from sign verify" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and not __fish_seen_subcommand_from sign verify" -f -a "sign" -d 'Signs the bytes of an answer file; the signature lies beside it and ends in .sig'
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and not __fish_seen_subcommand_from sign verify" -f -a "verify" -d 'Checks who signed an answer file'
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and __fish_seen_subcommand_from sign" -l key -d 'The OpenPGP key that signs, with its secret and without a password' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and __fish_seen_subcommand_from verify" -l certificate -d 'The OpenPGP certificate of somebody who may sign' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand answers; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and not __fish_seen_subcommand_from build firmware verify keys" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and not __fish_seen_subcommand_from build firmware verify keys" -f -a "build" -d 'Makes a signed payload from a system tree and its boot files'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and not __fish_seen_subcommand_from build firmware verify keys" -f -a "firmware" -d 'Makes bundles of proprietary firmware that a payload can carry'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and not __fish_seen_subcommand_from build firmware verify keys" -f -a "verify" -d 'Checks a payload\'s signature and every byte of its files'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and not __fish_seen_subcommand_from build firmware verify keys" -f -a "keys" -d 'Makes a master key and a release key, for a distributor or a trial'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from build" -l key -d 'The release key that signs it' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from build" -l output -d 'The new directory that it goes to' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from firmware" -l system -d 'The tree of the system that they are for: its os-release and its kernels\' lists of devices are read' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from firmware" -l output -d 'The new directory that they go to; payload.toml names it in "firmware"' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from firmware" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from verify" -l certificate -d 'The OpenPGP certificate that signs payloads' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from keys" -l user-id -d 'Whose keys they are, such as "Example releases <releases@example.org>"' -r
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from keys" -l output -d 'The new directory that they go to' -r -F
complete -c forgectl -n "__fish_forgectl_using_subcommand payload; and __fish_seen_subcommand_from keys" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand schema" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c forgectl -n "__fish_forgectl_using_subcommand man" -s h -l help -d 'Print help'
