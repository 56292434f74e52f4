namespace Containerd.Network;

/// <summary>Counters of a link since it was made (struct rtnl_link_stats64).</summary>
public sealed record LinkStatistics
{
    /// <summary>Packets received.</summary>
    public required ulong ReceivedPackets { get; init; }

    /// <summary>Packets sent.</summary>
    public required ulong SentPackets { get; init; }

    /// <summary>Bytes received.</summary>
    public required ulong ReceivedBytes { get; init; }

    /// <summary>Bytes sent.</summary>
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
