//! Keeps to ourselves what a crate below exports: crc-fast has a C interface of its own, which a shared library that
//! contains it would offer to everybody. Its functions are taken for hidden here, and so hidden by the linker. What a newer
//! version exports besides, the test of the symbols finds.

core::arch::global_asm!(
    ".hidden crc_fast_checksum",
    ".hidden crc_fast_checksum_combine",
    ".hidden crc_fast_checksum_combine_with_params",
    ".hidden crc_fast_checksum_file",
    ".hidden crc_fast_checksum_file_with_params",
    ".hidden crc_fast_checksum_with_params",
    ".hidden crc_fast_clear_error",
    ".hidden crc_fast_crc32_iscsi",
    ".hidden crc_fast_crc32_iso_hdlc",
    ".hidden crc_fast_crc64_nvme",
    ".hidden crc_fast_digest_combine",
    ".hidden crc_fast_digest_finalize",
    ".hidden crc_fast_digest_finalize_reset",
    ".hidden crc_fast_digest_free",
    ".hidden crc_fast_digest_get_amount",
    ".hidden crc_fast_digest_get_state",
    ".hidden crc_fast_digest_new",
    ".hidden crc_fast_digest_new_with_init_state",
    ".hidden crc_fast_digest_new_with_params",
    ".hidden crc_fast_digest_reset",
    ".hidden crc_fast_digest_update",
    ".hidden crc_fast_error_message",
    ".hidden crc_fast_get_calculator_target",
    ".hidden crc_fast_get_custom_params",
    ".hidden crc_fast_get_last_error",
    ".hidden crc_fast_get_version",
);
