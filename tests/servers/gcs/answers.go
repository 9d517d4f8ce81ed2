package main

import (
	"encoding/xml"
	"net/http"
	"strconv"
)

// namespace is that of every document but errors.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// refusal is an error of the XML API. A nil one is none.
type refusal struct {
	status  int
	code    string
	message string
}

var (
	noSuchBucket       = &refusal{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist."}
	noSuchKey          = &refusal{http.StatusNotFound, "NoSuchKey", "The specified key does not exist."}
	noSuchUpload       = &refusal{http.StatusNotFound, "NoSuchUpload", "The requested upload was not found."}
	preconditionFailed = &refusal{http.StatusPreconditionFailed, "PreconditionFailed",
		"At least one of the pre-conditions you specified did not hold."}
	invalidRange = &refusal{http.StatusRequestedRangeNotSatisfiable, "InvalidRange",
		"The requested range cannot be satisfied."}
	invalidPart = &refusal{http.StatusBadRequest, "InvalidPart",
		"One or more of the specified parts could not be found."}
	invalidPartOrder = &refusal{http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order."}
	entityTooSmall   = &refusal{http.StatusBadRequest, "EntityTooSmall",
		"A part other than the last is smaller than the minimum allowed size."}
	malformedXML     = &refusal{http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed."}
	incompleteBody   = &refusal{http.StatusBadRequest, "IncompleteBody", "The body ended before its Content-Length."}
	keyTooLong       = &refusal{http.StatusBadRequest, "KeyTooLong", "The object name is longer than 1024 bytes."}
	methodNotAllowed = &refusal{http.StatusMethodNotAllowed, "MethodNotAllowed",
		"The specified method is not allowed against this resource."}
)

func invalidArgument(message string) *refusal {
	return &refusal{http.StatusBadRequest, "InvalidArgument", message}
}

func internalError(err error) *refusal {
	return &refusal{http.StatusInternalServerError, "InternalError", err.Error()}
}

func (refusal *refusal) write(w http.ResponseWriter, r *http.Request) {
	document := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Details string
	}{Code: refusal.code, Message: refusal.message, Details: r.Method + " " + r.URL.Path}
	writeXML(w, refusal.status, document)
}

func writeXML(w http.ResponseWriter, status int, document any) *refusal {
	text, err := xml.Marshal(document)
	if err != nil {
		return internalError(err)
	}
	text = append([]byte("<?xml version='1.0' encoding='UTF-8'?>"), text...)
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
	return nil
}

// refusing is a ResponseWriter that puts documents of the XML API in the place of the errors of http.ServeContent.
type refusing struct {
	http.ResponseWriter
	request *http.Request
	refused bool
}

func (w *refusing) WriteHeader(status int) {
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		w.refused = true
		invalidRange.write(w.ResponseWriter, w.request)
	case http.StatusPreconditionFailed:
		w.refused = true
		preconditionFailed.write(w.ResponseWriter, w.request)
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *refusing) Write(data []byte) (int, error) {
	if w.refused {
		return len(data), nil
	}
	return w.ResponseWriter.Write(data)
}
