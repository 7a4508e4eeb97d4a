package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// alarmRoutes are the alarms, and what operators say of them.
func (a *admin) alarmRoutes(operators []Role) []route {
	return []route{
		{"/v1/alarms", get(endpoint{serve: a.listAlarms, roles: operators, timeout: a.timeout})},
		{"/v1/alarms/{id}/acknowledge", map[string]endpoint{http.MethodPost: {serve: a.acknowledge, roles: operators, timeout: a.timeout}}},
	}
}

// listAlarms gives a page of alarms, of the open ones if nothing else is asked for.
func (a *admin) listAlarms(w http.ResponseWriter, r *http.Request) error {
	params, err := readParams(r, "all", "limit", "cursor")
	if err != nil {
		return err
	}
	all, err := flagParam(params, "all")
	if err != nil {
		return err
	}
	limit, err := limitOf(params)
	if err != nil {
		return err
	}
	page, err := a.alarms.List(r.Context(), all, limit, params.Get("cursor"))
	if err != nil {
		return inTheQuery(err)
	}
	return answer(w, http.StatusOK, page)
}

// acknowledge notes who has seen an alarm.
func (a *admin) acknowledge(w http.ResponseWriter, r *http.Request) error {
	id, err := operate.ParseAlarmID(mux.Vars(r)["id"])
	if err != nil {
		return invalidValue(inPath, "id", "the id of an alarm", fmt.Sprintf("%q", domain.Shorten(mux.Vars(r)["id"])))
	}
	by, _, err := readLever(w, r)
	if err != nil {
		return err
	}
	done, err := a.alarms.Acknowledge(r.Context(), id, by)
	switch {
	case errors.Is(err, domain.ErrNotFound):
		return problemAlarmNotFound.because(fmt.Sprintf("there is no alarm %s; those that were cleared are kept for 90 days", id), nil)
	case err != nil:
		return err
	}
	return answer(w, http.StatusOK, done)
}
