package httpapi

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"orderflow/domain"
)

// Role is what the bearer of a token may do.
type Role string

// The roles. An operator may do everything; a customer may place and read orders; an
// auditor may read orders.
const (
	RoleCustomer Role = "customer"
	RoleOperator Role = "operator"
	RoleAuditor  Role = "auditor"
)

var roles = []Role{RoleCustomer, RoleOperator, RoleAuditor}

// MinToken is the least number of bytes of a token.
const MinToken = 16

// Auth knows the tokens that open the interfaces. It keeps their hashes, never the
// tokens. A nil *Auth asks for none. It is safe for concurrent use.
type Auth struct {
	tokens atomic.Pointer[[]tokenHash]
}

type tokenHash struct {
	role Role
	hash [sha256.Size]byte
}

// LoadAuth reads the tokens of a file (see ReadAuth). No path is no file: the result
// is nil and everybody may do everything.
func LoadAuth(path string) (*Auth, error) {
	if path == "" {
		return nil, nil
	}
	a := &Auth{}
	if err := a.Reload(path); err != nil {
		return nil, err
	}
	return a, nil
}

// Reload takes the tokens of a file in place of those it has. If it cannot, it keeps those.
func (a *Auth) Reload(path string) error {
	f, err := os.Open(path) //nolint:gosec // whoever starts the program names the file
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	defer func() { _ = f.Close() }()
	next, err := ReadAuth(f)
	if err != nil {
		return fmt.Errorf("token file %s: %w", path, err)
	}
	a.tokens.Store(next.tokens.Load())
	return nil
}

// ReadAuth reads lines "role:token". Empty lines and lines that begin with # are
// skipped; a role may have several tokens. Errors name the line and never the token.
func ReadAuth(r io.Reader) (*Auth, error) {
	var tokens []tokenHash
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		next, err := readToken(line, tokens)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		tokens = append(tokens, next)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, errors.New("there is no token in it: expected lines of the form role:token")
	}
	a := &Auth{}
	a.tokens.Store(&tokens)
	return a, nil
}

// readToken reads one line; earlier are the tokens of the lines before.
func readToken(line string, earlier []tokenHash) (tokenHash, error) {
	name, token, found := strings.Cut(line, ":")
	role, token := Role(strings.TrimSpace(name)), strings.TrimSpace(token)
	switch {
	case !found || !slices.Contains(roles, role):
		return tokenHash{}, fmt.Errorf("expected role:token, with one of the roles %s", domain.List(roles))
	case len(token) < MinToken:
		return tokenHash{}, fmt.Errorf("the token of role %s is shorter than %d bytes", role, MinToken)
	case !usableToken.MatchString(token):
		return tokenHash{}, fmt.Errorf("the token of role %s has characters other than letters, digits and -._~+/=", role)
	}
	hash := sha256.Sum256([]byte(token))
	if slices.ContainsFunc(earlier, func(t tokenHash) bool { return t.hash == hash }) {
		return tokenHash{}, fmt.Errorf("the token of role %s is there twice", role)
	}
	return tokenHash{role: role, hash: hash}, nil
}

// usableToken is a token in the characters of RFC 6750, section 2.1.
var usableToken = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// admit says whether the request's token has one of the roles, and which. Without
// roles, or on a nil Auth, everybody is admitted.
func (a *Auth) admit(r *http.Request, allowed []Role) (Role, error) {
	if a == nil || len(allowed) == 0 {
		return "", nil
	}
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", unauthenticated("this needs a token: send the header Authorization: Bearer TOKEN", "")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", unauthenticated("the header Authorization must be given once, as Bearer TOKEN", `, error="invalid_request"`)
	}
	role, known := a.roleOf(strings.TrimSpace(token))
	if !known {
		return "", unauthenticated("the token is not one of this system", `, error="invalid_token"`)
	}
	if !slices.Contains(allowed, role) {
		p := problemForbidden.because(fmt.Sprintf("the token has the role %s, which may not do this", role), members{"role": role, "roles": allowed})
		p.header = challenge(`, error="insufficient_scope"`)
		return role, p
	}
	return role, nil
}

// roleOf compares with every token, and in constant time, so that the time an answer
// takes says nothing of them.
func (a *Auth) roleOf(token string) (role Role, known bool) {
	hash := sha256.Sum256([]byte(token))
	for _, t := range *a.tokens.Load() {
		if subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1 {
			role, known = t.role, true
		}
	}
	return role, known
}

func unauthenticated(detail, reason string) error {
	return &problem{kind: problemUnauthenticated, detail: detail, header: challenge(reason)}
}

func challenge(reason string) http.Header {
	return http.Header{"Www-Authenticate": {`Bearer realm="orderflow"` + reason}}
}
