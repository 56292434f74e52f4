namespace Containerd.Network;

/// <summary>Counters of a link since it was made (struct rtnl_link_stats64).</summary>
public sealed record LinkStatistics
{
    /// <summary>Packets that came in, errors and drops not counted.</summary>
    public required ulong ReceivedPackets { get; init; }

    /// <summary>Packets that went out, errors and drops not counted.</summary>
    public required ulong SentPackets { get; init; }

    /// <summary>Bytes of the packets that came in.</summary>
    public required ulong ReceivedBytes { get; init; }

    /// <summary>Bytes of the packets that went out.</summary>
    public required ulong SentBytes { get; init; }

    /// <summary>Packets received damaged.</summary>
    public required ulong ReceiveErrors { get; init; }

    /// <summary>Packets that could not be sent.</summary>
    public required ulong SendErrors { get; init; }

    /// <summary>Packets received and dropped.</summary>
    public required ulong ReceiveDropped { get; init; }

    /// <summary>Packets dropped instead of sent.</summary>
    public required ulong SendDropped { get; init; }
}
