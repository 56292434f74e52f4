using System.Buffers;

namespace Containerd.Network;

/// <summary>A request that was sent, and what has come back for it so far. Only the connection's reader changes it.</summary>
internal sealed class PendingRequest(bool isDump)
{
    // What one list may come to; a namespace with 30,000 links stays below 50 MiB.
    private const int MaxReplyBytes = 256 * 1024 * 1024;

    private readonly TaskCompletionSource<NetlinkReply> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ArrayBufferWriter<byte>? _messages;
    private bool _interrupted;
    private bool _overflow;

    public Task<NetlinkReply> Completion => _completion.Task;

    /// <summary>Takes one message of the reply; true where it was the last.</summary>
    public bool Accept(in NetlinkHeader header, ReadOnlySpan<byte> message)
    {
        _interrupted |= header.Flags.HasFlag(NetlinkFlags.DumpInterrupted);
        switch (header.Type)
        {
            case MessageType.Done:
            case MessageType.Error:
                Complete(NetlinkAcknowledgement.Parse(header, message[NetlinkHeader.Size..]));
                return true;
            case MessageType.Noop:
                return false;
            default:
                Append(message);
                return false;
        }
    }

    public void Fail(Exception reason) => _completion.TrySetException(reason);

    private void Append(ReadOnlySpan<byte> message)
    {
        _messages ??= new ArrayBufferWriter<byte>(isDump ? 32 * 1024 : message.Length);
        // The rest is read and dropped, so that the connection stays in step.
        _overflow |= _messages.WrittenCount + message.Length > MaxReplyBytes;
        if (_overflow)
            return;
        int padded = NetlinkMessageWriter.Align(message.Length);
        Span<byte> target = _messages.GetSpan(padded);
        message.CopyTo(target);
        target[message.Length..padded].Clear();
        _messages.Advance(padded);
    }

    private void Complete(in NetlinkAcknowledgement acknowledgement)
    {
        if (_overflow)
        {
            _completion.TrySetException(new ContainerdException(
                ErrorKind.ResourceExhausted, $"The kernel's answer to one netlink request is longer than {MaxReplyBytes} bytes."));
        }
        else
        {
            _completion.TrySetResult(new NetlinkReply(acknowledgement, _messages?.WrittenMemory ?? default, _interrupted));
        }
    }
}
