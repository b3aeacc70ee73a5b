# bash completion for ssictl; names come from ssictl itself.                                  -*- shell-script -*-

# What may come next in a CP command of which these words are there, by ssictl's own list: keywords in capitals, operands
# in lower case, one a line.
_ssictl_cp_next() {
    ssictl cp HELP 2>/dev/null | awk -v typed="$*" '
        BEGIN { count = split(toupper(typed), words, " ") }
        NR == 1 { next }
        NF == 0 { exit }
        {
            sub(/  .*/, "")
            length_of_shape = split($0, shape, " ")
            word = 1
            for (i = 1; i <= length_of_shape; i++) {
                optional = sub(/^\[/, "", shape[i])
                sub(/\]$/, "", shape[i])
                keyword = shape[i] ~ /[A-Z]/ ? toupper(shape[i]) : ""
                if (word > count) {
                    print keyword == "" ? shape[i] : keyword
                    if (!optional) break
                } else if (keyword == "" || index(keyword, words[word]) == 1) {
                    word++
                } else if (!optional) {
                    break
                }
            }
        }' | sort -u
}

# The same with names in the place of operands.
_ssictl_cp_words() {
    local candidate
    while read -r candidate; do
        case $candidate in
            guest) ssictl guest list --names 2>/dev/null </dev/null ;;
            member) ssictl query ssi --names 2>/dev/null </dev/null ;;
            channel) _ssictl_channels </dev/null ;;
            [A-Z]*) [ -n "$cur" ] && [ "$cur" = "${cur,,}" ] && echo "${candidate,,}" || echo "$candidate" ;;
        esac
    done < <(_ssictl_cp_next "$@")
}

_ssictl_cp() {
    local name
    while IFS= read -r name; do
        [[ ${name^^} == "${cur^^}"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
    done < <(_ssictl_cp_words "$@")
}

_ssictl_channels() {
    ssictl islink list 2>/dev/null | awk 'NR > 1 && NF > 3 && $1 != "WARNING:" { print $3 }' | sort -u
}

_ssictl() {
    local cur words cword
    cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()

    # The words that count: no options, nothing at or after the cursor.
    words=()
    local i word
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --member | --why | --restart | --prefer | --priority | --limit | --guest | --report | --directory | --cluster | --config | --device | --peer | --own-address | --peer-address | --interface | --port | \
                --interval | --count | --slot | --host | --channel | --base | --version) ((i++)) ;;
            -?*) ;;
            *) words+=("$word") ;;
        esac
    done
    # What comes after `at MEMBER` is a command line of its own.
    if [ "${words[0]}" = at ] && [ ${#words[@]} -ge 2 ]; then words=("${words[@]:2}"); fi
    cword=${#words[@]}

    if [ "${words[0]}" = cp ] && [[ $cur != -* ]]; then
        _ssictl_cp "${words[@]:1}"
        return
    fi

    local choices='' names=''
    case ${COMP_WORDS[COMP_CWORD - 1]} in
        --member | --prefer) names=members ;;
        --restart) choices='yes no prefer' ;;
        --why) [ "${words[*]:0:2}" = 'query ssi' ] && names=members ;;
        --guest) names=guests ;;
        --peer) names=peers ;;
        --interface) names=interfaces ;;
        --directory | --report)
            compopt -o dirnames
            return
            ;;
        --config | --device)
            compopt -o default
            return
            ;;
        --cluster | --priority | --limit | --own-address | --peer-address | --port | --interval | --count | --slot | --host | --channel | --base | --version) return ;;
        *)
            case "${words[*]:0:2}" in
                '') choices='query guest directory relocate member fence disarm arm maintenance islink config reload ca pdr engine drill cp at version' ;;
                at) names=members ;;
                query) choices='ssi names' ;;
                guest) choices='list show policy start shutdown destroy discard' ;;
                directory) choices='list get put edit delete history rollback adopt conflicts' ;;
                relocate) choices='move status' ;;
                member) choices='set-down leave add remove replace rename reboot' ;;
                fence) choices='test' ;;
                maintenance) choices='on off' ;;
                islink) choices='list show activate deactivate watch' ;;
                config) choices='check show diff push pull reload' ;;
                ca) choices='init issue rotate retire' ;;
                pdr) choices='format show check move' ;;
                drill) choices='list run resume' ;;
                engine) choices='status backup compact force restore' ;;
                'engine backup' | 'engine restore')
                    if [[ $cur != -* ]]; then
                        compopt -o default
                        return
                    fi
                    ;;
                'directory put')
                    if [[ $cur != -* ]]; then
                        compopt -o default
                        return
                    fi
                    ;;
                'directory get' | 'directory edit' | 'directory delete' | 'directory history' | 'directory rollback')
                    [ "$cword" -eq 2 ] && names=definitions
                    ;;
                'directory adopt') [ "$cword" -eq 2 ] && names=strangers ;;
                'guest show' | 'guest policy' | 'guest start' | 'guest shutdown' | 'guest destroy' | 'guest discard' | 'relocate status')
                    [ "$cword" -eq 2 ] && names=guests
                    ;;
                'relocate move')
                    [ "$cword" -eq 2 ] && names=guests
                    [ "$cword" -eq 3 ] && names=members
                    ;;
                'islink show' | 'islink watch') [ "$cword" -eq 2 ] && names=peers ;;
                'islink activate' | 'islink deactivate') [ "$cword" -eq 2 ] && names=channels ;;
                'drill run') [ "$cword" -eq 2 ] && names=drills ;;
                'config check')
                    compopt -o default
                    return
                    ;;
                'config diff' | 'config pull') [ "$cword" -eq 2 ] && names=members ;;
                'member set-down' | 'member remove' | 'member replace' | 'member rename' | 'member reboot' | 'fence test' | 'maintenance on' | 'maintenance off' | 'ca issue') [ "$cword" -eq 2 ] && names=members ;;
            esac
            ;;
    esac

    if [[ $cur == -* ]]; then
        choices='--help --json'
        case "${words[*]:0:2}" in
            'guest start') choices+=' --member' ;;
            'directory list') choices+=' --not-adopted --names' ;;
            'directory get') choices+=' --version' ;;
            'directory put') choices+=' --base --force' ;;
            'directory delete') choices+=' --base --yes' ;;
            'guest policy') choices+=' --restart --prefer --priority --limit' ;;
            'query ssi') choices+=' --names --why' ;;
            'guest list' | 'islink list') choices+=' --names' ;;
            'islink show') choices+=' --streams' ;;
            'islink watch') choices+=' --interval --count' ;;
            'islink activate') choices+=' --peer --own-address --peer-address --interface --port' ;;
            'islink deactivate') choices+=' --peer --force' ;;
            'member set-down' | 'engine force' | 'engine restore') choices+=' --yes' ;;
            'engine backup') choices+=' --force' ;;
            disarm | 'maintenance on') choices+=' --why' ;;
            'config push') choices+=' --force' ;;
            'config reload') choices+=' --all' ;;
            'config show') choices+=' --member --config' ;;
            'member add') choices+=' --slot --host --channel' ;;
            'member replace') choices+=' --host' ;;
            'member reboot') choices+=' --force' ;;
            'ca init') choices+=' --directory --cluster --config --force' ;;
            'ca issue') choices+=' --directory --force' ;;
            'ca rotate') choices+=' --directory --authority' ;;
            'ca retire') choices+=' --directory' ;;
            'pdr format' | 'pdr move') choices+=' --device --config --force' ;;
            'pdr show' | 'pdr check') choices+=' --device --config' ;;
            'drill list') choices+=' --directory' ;;
            'drill run') choices+=' --guest --report --yes --config --directory' ;;
            'drill resume') choices+=' --config' ;;
        esac
        names=
    fi

    # Names may hold blanks: one a line, and quoted for the shell.
    local IFS=$'\n' name
    case $names in
        guests) choices=$(ssictl guest list --names 2>/dev/null) ;;
        definitions) choices=$(ssictl directory list --names 2>/dev/null) ;;
        strangers) choices=$(ssictl directory list --not-adopted --names 2>/dev/null) ;;
        members) choices=$(ssictl query ssi --names 2>/dev/null) ;;
        peers) choices=$(ssictl islink list --names 2>/dev/null) ;;
        channels) choices=$(_ssictl_channels) ;;
        interfaces) choices=$(ls /sys/class/net) ;;
        drills) choices=$(ssictl drill list 2>/dev/null | awk 'NR > 1 { print $1 }') ;;
        *) choices=${choices// /$'\n'} ;;
    esac
    for name in $choices; do
        [[ $name == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$name")")
    done
}

complete -F _ssictl ssictl
