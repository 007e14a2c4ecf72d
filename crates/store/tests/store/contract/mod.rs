//! What every engine must do. Each function is one behaviour; `contract!` makes a test of each for an engine.

pub(crate) mod answers;
pub(crate) mod append;
pub(crate) mod audit;
pub(crate) mod checkpoint;
pub(crate) mod create;
pub(crate) mod damage;
pub(crate) mod execution;
pub(crate) mod guard;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod known;
pub(crate) mod leases;
pub(crate) mod limits;
pub(crate) mod members;
pub(crate) mod model;
pub(crate) mod moderation;
pub(crate) mod notices;
pub(crate) mod offer;
pub(crate) mod purge;
pub(crate) mod receipts;
pub(crate) mod repeat;
pub(crate) mod schedule;
pub(crate) mod starts;
pub(crate) mod wait;

/// Tests an engine: `contract!(expression that makes an engine with nothing in it)`.
macro_rules! contract {
    ($engine:expr) => {
        $crate::contract::contract! { $engine =>
            create {
                conversation_when_opened_is_found_whole
                conversation_when_its_name_is_taken_changes_nothing
                conversations_are_listed_newest_first_and_only_the_active_when_asked
                create_when_its_window_is_full_is_refused_for_the_whole_folder
                member_when_unknown_is_none
            }
            members {
                join_raises_the_epoch_and_voids_the_stamp_taken_before
                revoked_agent_is_refused_and_gets_nothing
                rotated_token_voids_the_stamp_taken_before
                token_of_a_removed_agent_when_rotated_is_refused
                tokens_of_nobody_are_not_found
                conversation_when_it_ends_between_authentication_and_commit_is_expired
                permission_when_it_changes_in_between_is_forbidden
                invited_agent_reads_from_then_on
                invite_when_the_handle_is_taken_is_a_conflict
                invite_of_the_33rd_member_is_refused
                status_replaces_status_and_note
            }
            moderation {
                agent_that_leaves_is_out_and_its_rows_stay
                last_owner_leaves_only_when_nobody_remains
                two_owners_when_they_leave_at_once_are_not_both_let_go
                removed_agent_is_refused_and_gets_nothing
                removal_that_may_not_be_is_refused_and_changes_nothing
                rank_that_changed_in_between_counts_as_it_is_now
                reaching_into_another_conversation_is_a_fault
                ownership_when_transferred_changes_hands_at_once
                transfer_that_may_not_be_is_refused_and_changes_nothing
                pause_of_a_moderator_stops_sends_until_one_resumes
                pause_of_the_operator_takes_over_and_no_agent_lifts_it
                pause_of_the_loop_guard_is_no_agents_to_lift_or_to_take_over
                pause_of_before_schema_3_is_the_loop_guards
                pause_of_nothing_or_of_what_is_over_is_refused
                auditor_gets_no_message_however_it_is_sent
                tokens_when_all_are_rotated_or_revoked_spare_nobody
                tokens_when_all_are_rotated_after_the_end_is_refused
                audit_of_one_conversation_is_paged_oldest_first
            }
            append {
                message_without_to_reaches_everyone_else_in_join_order
                message_with_to_reaches_those_in_join_order
                message_to_a_stranger_or_to_nobody_is_refused
                message_to_one_who_was_removed_is_refused_and_says_so
                reply_to_what_one_sent_or_received_is_kept
                reply_to_what_one_cannot_see_is_refused
                numbers_are_gapless_per_conversation_also_after_refusals
                order_is_that_of_numbers_when_the_clock_steps_back
                inbox_when_full_refuses_and_changes_nothing
                conversation_when_its_bytes_are_full_refuses_and_changes_nothing
                concurrent_sends_are_all_stored_once
                message_when_stored_is_there_after_reopening
            }
            repeat {
                repeat_gives_the_first_answer_and_changes_nothing
                repeat_when_the_send_window_is_full_is_charged_as_a_read
                repeat_when_a_new_message_would_be_refused_still_answers
                key_when_used_for_another_message_is_a_conflict_and_changes_nothing
                key_of_another_agent_or_conversation_is_another_key
                key_of_a_refused_send_is_free
                repeat_when_the_sender_may_no_longer_speak_is_refused
                repeat_is_known_after_reopening_and_to_every_store
                repeats_in_flight_at_once_are_stored_once
                repeat_when_its_message_was_read_is_not_delivered_again
                repeat_when_its_message_is_gone_from_the_store_is_a_fault_not_a_second_message
            }
            guard {
                message_that_makes_a_talk_too_long_is_stored_and_pauses
                pause_when_it_refuses_spends_nothing
                pause_stops_sends_and_nothing_else
                window_of_a_talk_is_exact_at_its_border
                status_that_is_another_one_breaks_the_talk_and_the_same_does_not
                status_when_paused_lifts_nothing
                guard_of_one_pauses_after_every_message_and_of_zero_after_none
                resume_lifts_the_pause_and_the_talk_begins_anew
                resume_when_not_paused_is_harmless_and_counts_anew
                resume_of_nothing_or_of_what_is_over_is_refused
                talk_and_pause_hold_across_reopening_and_two_stores
                sends_in_flight_at_once_are_paused_exactly
                repeat_when_paused_still_answers
                message_that_decides_when_gone_leaves_it_to_the_next
            }
            held {
                message_when_denied_is_refused_and_stores_nothing
                message_when_held_is_seen_by_its_sender_only
                message_when_released_is_delivered_in_its_place
                message_when_rejected_is_never_delivered_and_its_sender_hears_of_it
                reply_to_a_message_that_is_held_for_one_is_refused
                repeat_of_a_held_send_tells_what_became_of_it
                what_is_not_held_is_neither_released_nor_rejected
                release_when_recipients_were_removed_reaches_the_others
                release_into_a_full_inbox_is_refused_and_stays_held
                held_messages_when_too_many_refuse_further_ones
                held_messages_count_for_the_loop_guard_and_the_size
                held_messages_are_paged_oldest_first
                change_of_the_policy_is_recorded_and_holds_at_once_in_every_store
                rule_without_effect_is_refused
                policy_of_nothing_or_of_what_is_over_is_not_changed
                policy_of_the_operator_binds_everybody_and_yields_to_nobody_else
                agents_that_may_release_are_told_how_many_messages_wait
                note_of_an_agent_whose_messages_are_not_accepted_is_refused
                policy_that_cannot_be_read_holds_everything
                judging_when_no_longer_permitted_is_refused
                release_during_a_pause_is_the_operators_only
                release_and_rejection_are_seen_by_who_waits
                purged_conversation_keeps_nothing_held
                damaged_held_message_hides_no_other
            }
            receipts {
                message_is_stored_then_offered_then_acknowledged
                receipts_name_the_recipients_and_nobody_else
                receipts_are_the_newest_below_a_number
                receipts_of_a_sender_are_sought_in_a_bounded_stretch
                later_batch_when_acknowledged_first_leaves_the_earlier_one_offered
                message_to_a_removed_agent_is_never_said_to_be_acknowledged
                receipts_hold_across_reopening_and_end_with_the_conversation
                receipt_of_a_damaged_message_is_passed_over
            }
            offer {
                messages_come_oldest_first_and_whole
                limit_and_more_page_through_the_inbox
                max_bytes_ends_a_page_but_the_first_always_fits
                batch_when_acknowledged_never_comes_again
                batch_that_is_not_outstanding_is_refused_and_changes_nothing
                received_messages_are_acknowledged_in_whatever_batch_they_are
                batch_that_another_live_connection_holds_is_left_to_it
                batch_of_another_agent_is_refused
                batch_with_a_stretched_end_acknowledges_no_more_than_was_offered
                batch_never_offered_is_refused
                batch_when_its_lease_runs_out_comes_again
                batch_when_the_clock_was_set_back_comes_again
                batch_when_another_connection_asks_comes_again
                batch_when_handed_out_again_is_void_in_its_first_form
                peek_changes_nothing
                answer_when_lost_is_given_again_after_reopening
                empty_inbox_leaves_no_entry
            }
            wait {
                listener_when_another_store_stores_something_is_rung
                listener_when_nobody_rings_looks_by_itself
                outlook_is_what_a_check_would_find
                looking_writes_nothing
                glance_counts_what_is_unread_and_new_by_sender_and_writes_nothing
                listener_is_seen_by_everyone_for_as_long_as_it_listens
                oldest_unacknowledged_message_of_each_recipient_is_overdue_to_its_sender_only
                message_behind_many_of_somebody_else_is_overdue_all_the_same
            }
            model {
                store_and_model_answer_alike_whatever_is_asked
            }
            history {
                private_messages_are_seen_by_sender_recipients_and_operator_only
                paging_covers_everything_once_and_ends
                reading_leaves_the_inbox_alone
            }
            limits {
                ten_in_any_minute_are_exact_at_the_border
                window_holds_across_reopening
                window_holds_across_two_stores
                longest_of_several_windows_decides
                refused_calls_spend_nothing
                other_agents_and_conversations_have_windows_of_their_own
                reads_have_a_window_of_their_own
                wrong_tokens_spend_no_agents_budget
                clock_when_it_steps_back_frees_nothing
                clock_when_it_jumps_ahead_and_back_holds_nobody_up
                limit_of_zero_is_off
                refusals_past_their_window_are_counted_and_told
                kept_times_are_bounded
                window_when_another_process_has_other_limits_forgets_nothing
                limits_of_a_conversation_hold_at_once_there_and_in_every_store
                quotas_of_a_conversation_hold_at_once
                limits_when_unreadable_stop_every_call_until_they_are_reset
                limits_of_nothing_or_of_what_is_over_are_refused
                refused_calls_when_too_many_are_rate_limited_and_written_no_more
                entries_tell_what_was_charged_and_as_which_one
                usage_counts_what_windows_count_and_says_when_one_more_fits
                guesses_are_exact_per_peer_across_stores_and_cost_no_write_beyond
            }
            schedule {
                schedule_of_any_sort_never_admits_more_than_a_window_allows
            }
            audit {
                every_change_and_refusal_is_recorded_and_the_chains_hold
                change_of_any_column_is_found
                entry_when_deleted_swapped_truncated_or_added_is_found
                chain_of_the_bridge_is_verified_too
                entry_that_is_not_text_is_found_and_hides_nothing_else
                entries_are_listed_newest_first
            }
            checkpoint {
                checkpoint_covers_each_chain_that_has_grown_once
                checkpoint_after_another_than_the_newest_is_a_conflict
                checkpoint_that_is_not_signed_changes_nothing
                checkpoint_that_is_recorded_covers_its_own_entry
                checkpoint_that_begins_anew_covers_every_chain_from_offset_zero
                chain_with_a_damaged_row_keeps_no_other_from_being_covered
                pages_of_entries_hold_each_once_and_oldest_first
                note_is_recorded_in_the_chain_it_concerns
            }
            leases {
                lease_when_acquired_is_found_whole
                fences_grow_and_are_never_used_twice_also_after_reopening
                decision_that_is_out_of_date_changes_nothing_and_gives_the_stamp_back
                every_change_of_leases_outdates_decisions_taken_before
                renewed_lease_keeps_its_fence
                lease_of_another_or_that_is_over_is_neither_renewed_nor_released
                change_of_leases_is_recorded_with_its_fences
                change_of_leases_is_charged_and_refused_when_the_window_is_full
                change_of_leases_by_who_may_not_any_more_is_refused
                lease_long_over_is_removed_with_the_next_change
                leases_that_are_over_are_kept_in_bounded_number
                lease_of_a_clock_that_was_ahead_is_shortened
                revoked_agents_leases_end_with_it
                denial_is_recorded_and_spends_nothing
                denial_tells_who_may_not_call_only_that
                leases_of_two_conversations_are_apart
                damaged_lease_hides_no_other
                purged_conversation_keeps_no_lease
            }
            known {
                what_texts_taught_is_known_in_every_store_and_to_its_conversation_only
                text_redacted_on_outdated_knowledge_is_not_stored_and_leaves_no_trace
                text_that_is_refused_teaches_nothing
                oldest_digests_beyond_what_is_kept_are_forgotten
                purged_conversation_knows_nothing
                number_of_redactions_is_told_with_the_message
            }
            purge {
                ended_conversation_keeps_nothing_but_its_chain
                active_conversations_are_spared
                purge_when_repeated_does_nothing
                purged_conversation_is_expired_to_its_agents
                purge_forgets_no_wrong_credentials_of_a_peer_numbered_like_an_agent
            }
            execution {
                approver_when_enrolled_is_found_whole_and_replaced_only_knowingly
                new_approver_ends_what_the_one_before_enabled_everywhere
                code_is_used_once_and_five_wrong_ones_lock_for_a_while
                terms_are_one_of_a_conversation_and_end_at_once
                terms_of_nothing_of_what_is_over_or_of_nobody_are_refused
                wishes_are_one_of_each_agent_and_change_nothing
                command_that_waits_is_found_whole
                command_that_needs_nobody_runs_at_once_and_is_told_at_its_end
                fourth_open_command_is_refused_until_one_is_over
                conversation_when_full_refuses_to_be_asked_and_nothing_else
                request_that_is_kept_counts_and_is_refused_where_it_does_not_fit
                paused_conversation_takes_no_wish_and_no_command
                agent_that_leaves_takes_its_commands_with_it
                purged_conversation_keeps_hashes_and_states_of_commands_only
                damaged_command_hides_no_other_and_starts_nothing
            }
            answers {
                persons_yes_is_kept_as_it_was_signed_and_everybody_is_told
                answer_to_what_does_not_wait_is_void_and_changes_nothing
                answer_is_in_time_up_to_the_border_and_not_at_it
                agents_that_may_are_enough_once_as_many_agreed_as_were_wanted
                vote_of_who_was_removed_does_not_count_any_more
                yes_of_too_few_that_are_left_ends_and_no_other
                nobody_answers_its_own_command
                vote_where_no_person_wanted_votes_is_refused
                form_of_the_requesters_own_client_speaks_for_it_only
                third_no_locks_until_a_person_lifts_it
                no_takes_back_a_yes_that_was_not_used
                who_asked_takes_back_what_is_open_and_nobody_else_does
            }
            starts {
                approved_command_starts_once
                of_sixty_four_threads_one_starts_it
                yes_is_good_up_to_the_border_and_not_at_it
                yes_of_a_clock_that_was_ahead_is_void
                start_when_nothing_is_enabled_any_more_is_refused
                proof_of_another_command_or_of_another_sort_starts_nothing
                yes_of_an_approver_who_was_replaced_starts_nothing
                end_is_recorded_once_whatever_became_of_who_asked
                command_whose_time_is_over_is_lost_or_expired_and_not_before
            }
            notices {
                notice_is_read_acknowledged_found_and_replied_to
                notice_is_seen_at_a_glance_and_is_overdue_to_nobody
                notice_reaches_who_reads_messages_and_nobody_else
                notice_wakes_who_waits
                notice_is_no_part_of_the_agents_talk
                notice_when_changed_deleted_or_given_to_another_sender_is_found
                message_that_claims_to_be_the_bridges_is_found
                answer_of_an_agent_is_told_as_the_bridges
            }
            damage {
                message_that_is_gone_is_reported_and_skipped
                message_with_unreadable_columns_is_reported_and_skipped
                body_that_is_garbage_is_handed_out_as_it_is
                reply_to_a_damaged_message_is_refused
                quarter_of_a_million_unread_messages_are_paged
            }
        }
    };
    ($engine:expr => $($area:ident { $($behaviour:ident)+ })+) => {
        $(mod $area {
            use super::*;
            $(
                #[test]
                fn $behaviour() {
                    $crate::kit::run($engine, $crate::contract::$area::$behaviour);
                }
            )+
        })+
    };
}
pub(crate) use contract;
