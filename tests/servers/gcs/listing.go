package main

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

const (
	mostKeys   = 1000
	timeFormat = "2006-01-02T15:04:05.000Z"
)

type listedObject struct {
	Key            string
	Generation     int64
	MetaGeneration int64
	LastModified   string
	ETag           string
	Size           int64
}

type listedPrefix struct {
	Prefix string
}

type listedPage struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	Namespace             string   `xml:"xmlns,attr"`
	Name                  string
	Prefix                string
	Delimiter             string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`
	EncodingType          string `xml:",omitempty"`
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	KeyCount              int
	MaxKeys               int
	IsTruncated           bool
	Contents              []listedObject
	CommonPrefixes        []listedPrefix
}

// question is what a listing asks for.
type question struct {
	prefix, delimiter string
	after             string // only keys that sort after it
	done              string // only entries that sort after it: the last one of the page before
	most              int
}

func questionOf(query url.Values) (question, *refusal) {
	asked := question{prefix: query.Get("prefix"), delimiter: query.Get("delimiter"), most: mostKeys}
	asked.after = query.Get("start-after")
	done, err := base64.RawURLEncoding.DecodeString(query.Get("continuation-token"))
	if err != nil {
		return asked, invalidArgument("The continuation token is not valid.")
	}
	asked.done = string(done)
	if text := query.Get("max-keys"); text != "" {
		most, err := strconv.Atoi(text)
		if err != nil || most < 0 {
			return asked, invalidArgument("max-keys is not a number.")
		}
		asked.most = min(most, mostKeys)
	}
	return asked, nil
}

// entry is the key itself, or the prefix that stands for it.
func (asked *question) entry(key string) (text string, isPrefix bool) {
	rest := key[len(asked.prefix):]
	if at := strings.Index(rest, asked.delimiter); asked.delimiter != "" && at >= 0 {
		return key[:len(asked.prefix)+at+len(asked.delimiter)], true
	}
	return key, false
}

// fill puts into the page what is asked for, and gives the last entry. The objects come in order of their keys.
func (asked *question) fill(page *listedPage, objects []fakestorage.ObjectAttrs) (last string) {
	for i := range objects {
		object := &objects[i]
		text, isPrefix := asked.entry(object.Name)
		if object.Name <= asked.after || asked.done != "" && text <= asked.done || isPrefix && text == last {
			continue
		}
		if page.KeyCount == asked.most {
			page.IsTruncated = asked.most > 0
			break
		}
		page.KeyCount++
		last = text
		if isPrefix {
			page.CommonPrefixes = append(page.CommonPrefixes, listedPrefix{text})
			continue
		}
		page.Contents = append(page.Contents, listedObject{
			Key:            text,
			Generation:     object.Generation,
			MetaGeneration: 1,
			LastModified:   object.Updated.UTC().Format(timeFormat),
			ETag:           etagOf(object),
			Size:           object.Size,
		})
	}
	return last
}

func (s *state) list(w http.ResponseWriter, bucket string, query url.Values) *refusal {
	asked, refusal := questionOf(query)
	if refusal != nil {
		return refusal
	}
	found, err := s.fake.ListObjectsWithOptionsPaginated(bucket, fakestorage.ListOptions{Prefix: asked.prefix})
	if err != nil {
		return noSuchBucket
	}
	page := listedPage{Namespace: namespace, Name: bucket, MaxKeys: asked.most, Prefix: asked.prefix,
		Delimiter: asked.delimiter, StartAfter: asked.after, ContinuationToken: query.Get("continuation-token")}
	last := asked.fill(&page, found.Objects)
	if page.IsTruncated {
		page.NextContinuationToken = base64.RawURLEncoding.EncodeToString([]byte(last))
	}
	if query.Get("encoding-type") == "url" {
		page.encodeNames()
	}
	return writeXML(w, http.StatusOK, page)
}

func (page *listedPage) encodeNames() {
	page.EncodingType = "url"
	page.Prefix, page.Delimiter = url.PathEscape(page.Prefix), url.PathEscape(page.Delimiter)
	page.StartAfter = url.PathEscape(page.StartAfter)
	for i := range page.Contents {
		page.Contents[i].Key = url.PathEscape(page.Contents[i].Key)
	}
	for i := range page.CommonPrefixes {
		page.CommonPrefixes[i].Prefix = url.PathEscape(page.CommonPrefixes[i].Prefix)
	}
}
