//go:build ignore

// Export writes the proto files that ours import or stand beside, other than google/protobuf/*, into a folder, so that buf
// needs no schema registry. Their text comes from the descriptors in Go modules that tools.mod pins.
//
//	go run -modfile=tools.mod proto/export.go FOLDER
package main

import (
	"fmt"
	"os"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/datetime"
	"google.golang.org/genproto/googleapis/type/interval"
	"google.golang.org/genproto/googleapis/type/latlng"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/genproto/googleapis/type/postaladdress"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -modfile=tools.mod proto/export.go FOLDER")
		os.Exit(2)
	}
	if err := export(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "proto/export.go:", err)
		os.Exit(1)
	}
}

// export writes the wanted files and all that they import below folder, which it empties first.
func export(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	files := map[string]protoreflect.FileDescriptor{}
	for _, file := range []protoreflect.FileDescriptor{
		annotations.File_google_api_annotations_proto,
		validate.File_buf_validate_validate_proto,
		date.File_google_type_date_proto,
		datetime.File_google_type_datetime_proto,
		interval.File_google_type_interval_proto,
		latlng.File_google_type_latlng_proto,
		money.File_google_type_money_proto,
		postaladdress.File_google_type_postal_address_proto,
		timeofday.File_google_type_timeofday_proto,
		// What services answer beside their own contracts, for the languages in which no package brings it ready-made.
		errdetails.File_google_rpc_error_details_proto,
		rpcstatus.File_google_rpc_status_proto,
		grpc_health_v1.File_grpc_health_v1_health_proto,
		grpc_reflection_v1.File_grpc_reflection_v1_reflection_proto,
	} {
		collect(files, file)
	}
	wanted := make([]protoreflect.FileDescriptor, 0, len(files))
	for _, file := range files {
		wanted = append(wanted, file)
	}
	printer := protoprint.Printer{SortElements: true}
	return printer.PrintProtosToFileSystem(wanted, folder)
}

// collect adds file and what it imports, except what every protobuf compiler brings along.
func collect(files map[string]protoreflect.FileDescriptor, file protoreflect.FileDescriptor) {
	if strings.HasPrefix(file.Path(), "google/protobuf/") {
		return
	}
	files[file.Path()] = file
	imports := file.Imports()
	for i := range imports.Len() {
		collect(files, imports.Get(i).FileDescriptor)
	}
}
