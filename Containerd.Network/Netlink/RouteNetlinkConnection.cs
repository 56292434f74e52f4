using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Network;

/// <summary>One rtnetlink socket and the loop that reads it. Requests run side by side; each gets exactly its own
/// reply.</summary>
/// <remarks>
/// A connection whose socket lost messages, or carried something malformed, is broken for good: every request under way
/// fails as
/// <see cref="ErrorKind.Unavailable"/> (or as corrupted), and its owner opens another one.
/// </remarks>
internal sealed class RouteNetlinkConnection : IAsyncDisposable
{
    // 100 outstanding link replies overflow a receive buffer of the default size, 64 do not.
    private const int Window = 32;
    private const int ReceiveBufferBytes = 4 * 1024 * 1024;
    private const int MaxDatagramBytes = 16 * 1024 * 1024;

    private readonly Socket _socket;
    private readonly uint _port;
    private readonly ConcurrentDictionary<uint, PendingRequest> _pending = new();
    private readonly SemaphoreSlim _window = new(Window, Window);
    // The kernel runs one dump per socket and answers a second one with EBUSY.
    private readonly SemaphoreSlim _dump = new(1, 1);
    private readonly Task _reader;
    private uint _sequence;
    private volatile Exception? _broken;

    private RouteNetlinkConnection(SafeSocketHandle handle, uint port)
    {
        _port = port;
        _socket = new Socket(handle);
        _reader = ReadAsync();
    }

    /// <summary>The address of the socket in its namespace.</summary>
    public uint Port => _port;

    public bool IsBroken => _broken is not null;

    /// <summary>Opens a connection into a namespace; null is the namespace of this process.</summary>
    public static Task<RouteNetlinkConnection> OpenAsync(SafeFileHandle? networkNamespace, string subject) => Task.Run(() =>
    {
        SafeSocketHandle handle = Interop.OpenRouteSocket(networkNamespace, subject);
        try
        {
            return new RouteNetlinkConnection(handle, Interop.Configure(handle, ReceiveBufferBytes));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    });

    /// <summary>Sends a request and waits for the whole reply. Whether the kernel agreed is for the caller to see.</summary>
    /// <param name="message">A finished message; its sequence number and port are filled in.</param>
    /// <param name="cancellationToken">Before the request is sent, stops it; afterwards stops only the waiting, and the
    /// reply is read and dropped.</param>
    public async Task<NetlinkReply> RequestAsync(byte[] message, CancellationToken cancellationToken)
    {
        NetlinkHeader header = MemoryMarshal.Read<NetlinkHeader>(message);
        // On a request that makes something the same two bits are REPLACE and EXCL.
        bool isDump = header.Flags.HasFlag(NetlinkFlags.Dump)
            && (header.Type is MessageType.GetLink or MessageType.GetAddress or MessageType.GetRoute);
        SemaphoreSlim? dump = isDump ? _dump : null;
        if (dump is not null)
            await dump.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _window.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            dump?.Release();
            throw;
        }

        var pending = new PendingRequest(isDump);
        uint sequence = NextSequence();
        header.Sequence = sequence;
        header.Port = _port;
        MemoryMarshal.Write(message, in header);
        _pending[sequence] = pending;
        Task<NetlinkReply> reply = ReplyAsync(pending, dump);
        // The reader fails what it finds when it ends; what is added after that is failed here, and never sent.
        if (_broken is { } broken)
        {
            _pending.TryRemove(sequence, out _);
            pending.Fail(broken);
        }
        else
        {
            await SendAsync(message, sequence, pending).ConfigureAwait(false);
        }
        return await reply.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        _broken ??= new ObjectDisposedException(nameof(RouteNetlinkClient));
        _socket.Dispose();
        await _reader.ConfigureAwait(false);
    }

    // Permits go back when the reply is complete, not when its caller stops waiting: until then it fills the receive buffer.
    private async Task<NetlinkReply> ReplyAsync(PendingRequest pending, SemaphoreSlim? dump)
    {
        try
        {
            return await pending.Completion.ConfigureAwait(false);
        }
        finally
        {
            _window.Release();
            dump?.Release();
        }
    }

    private async Task SendAsync(byte[] message, uint sequence, PendingRequest pending)
    {
        try
        {
            // Without a token: half-way cancellation would leave open whether the kernel got it.
            await _socket.SendAsync(message, SocketFlags.None, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            if (_pending.TryRemove(sequence, out _))
                pending.Fail(_broken ?? Unavailable("The request could not be sent", e));
        }
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "Whatever ends the reader must fail the requests that wait for it.")]
    private async Task ReadAsync()
    {
        byte[] buffer = new byte[64 * 1024];
        byte[] peek = new byte[1];
        try
        {
            while (true)
            {
                int size = Interop.PeekSize(_socket.SafeHandle);
                if (size == -Interop.EAGAIN)
                {
                    // Readiness only: the sender's address and the true length come from recvmsg.
                    await _socket.ReceiveAsync(peek, SocketFlags.Peek).ConfigureAwait(false);
                    continue;
                }
                if (size > MaxDatagramBytes)
                    throw NetlinkFormat.Corrupted($"a datagram has {size} bytes");
                if (size > buffer.Length)
                    buffer = new byte[size];
                uint sender = 0;
                int received = size < 0 ? size : Interop.ReceiveDatagram(_socket.SafeHandle, buffer, out sender);
                if (received < 0)
                    throw received == -Interop.ENOBUFS ? Overrun() : Interop.Failure("Reading", "an rtnetlink socket", -received);
                if (received > buffer.Length)
                    throw NetlinkFormat.Corrupted($"a datagram of {received} bytes was cut to {buffer.Length}");
                // Any process may send to our port; only the kernel has port 0.
                if (sender == 0)
                    Dispatch(buffer.AsSpan(0, received));
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.NoBufferSpaceAvailable)
        {
            Break(Overrun());
        }
        catch (Exception e)
        {
            Break(e is ContainerdException ? e : Unavailable("The rtnetlink socket failed", e));
        }
    }

    private void Dispatch(ReadOnlySpan<byte> datagram)
    {
        var messages = new NetlinkMessageReader(datagram);
        while (messages.MoveNext())
        {
            NetlinkHeader header = messages.Header;
            if (header.Port == _port
                && _pending.TryGetValue(header.Sequence, out PendingRequest? pending)
                && pending.Accept(header, messages.Message))
                _pending.TryRemove(header.Sequence, out _);
        }
    }

    /// <summary>Fails every request under way, and every later one, for a reason.</summary>
    internal void Break(Exception reason)
    {
        _broken ??= reason;
        foreach (uint sequence in _pending.Keys)
        {
            if (_pending.TryRemove(sequence, out PendingRequest? pending))
                pending.Fail(_broken);
        }
    }

    // 0 is what unsolicited messages carry.
    private uint NextSequence()
    {
        uint sequence;
        do
        {
            sequence = Interlocked.Increment(ref _sequence);
        }
        while (sequence == 0);
        return sequence;
    }

    private static ContainerdException Overrun() => new(
        ErrorKind.Unavailable,
        "The kernel had more rtnetlink answers than the socket could hold, and dropped some (ENOBUFS). Requests under way may have been carried out: look before repeating them.")
    {
        Errno = Interop.ENOBUFS,
    };

    private static ContainerdException Unavailable(string what, Exception inner) =>
        new(ErrorKind.Unavailable, $"{what}: {inner.Message} Requests under way may have been carried out: look before repeating them.", inner);
}
