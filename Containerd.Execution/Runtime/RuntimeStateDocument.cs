namespace Containerd.Execution;

/// <summary>The JSON of the state and list verbs.</summary>
internal sealed record RuntimeStateDocument
{
    public required string Id { get; init; }

    public required string Status { get; init; }

    public int Pid { get; init; }

    public string Bundle { get; init; } = "";

    public Dictionary<string, string>? Annotations { get; init; }

    public RuntimeState ToState() => new()
    {
        Id = Id,
        ProcessId = Pid,
        Bundle = Bundle,
        Annotations = Annotations ?? [],
        Status = Status switch
        {
            "creating" => RuntimeStatus.Creating,
            "created" => RuntimeStatus.Created,
            "running" => RuntimeStatus.Running,
            // runc has "pausing" while the call runs.
            "paused" or "pausing" => RuntimeStatus.Paused,
            "stopped" => RuntimeStatus.Stopped,
            _ => throw new OciRuntimeException(ErrorKind.DataCorrupted, $"Container '{Id}' is in a state that the specification does not know: '{Excerpt.OfMessage(Status)}'.")
            {
                Verb = "state",
                ContainerId = Id,
            },
        },
    };
}
