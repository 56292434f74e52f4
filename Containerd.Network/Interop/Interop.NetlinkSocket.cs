using System.Net.Sockets;
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace Containerd.Network;

internal static partial class Interop
{
    // linux/uapi/linux/netlink.h
    private const int SOL_NETLINK = 270;
    private const int NETLINK_CAP_ACK = 10;
    private const int NETLINK_EXT_ACK = 11;
    private const int NETLINK_GET_STRICT_CHK = 12;

    /// <summary>Binds the socket to a port of the kernel's choice, which it returns, and turns on what the connection
    /// relies on.</summary>
    /// <param name="socket">A fresh netlink socket.</param>
    /// <param name="receiveBufferBytes">How much the kernel may queue for us; the limit of the system where we may not
    /// exceed it.</param>
    internal static unsafe uint Configure(SafeSocketHandle socket, int receiveBufferBytes)
    {
        using var lease = new HandleLease(socket);
        int fd = lease.Descriptor;
        int on = 1;
        SocketAddressNetlink address = default;
        address.Family = (ushort)AddressFamilyNetlink;
        socklen_t length = sizeof(SocketAddressNetlink);

        if (LibC.bind(fd, (sockaddr*)&address, length) < 0 || LibC.getsockname(fd, (sockaddr*)&address, &length) < 0)
            throw Failure("Binding", "an rtnetlink socket", Marshal.GetLastPInvokeError());
        // Without these two every error echoes the request and says nothing of the attribute at fault (Linux 4.12).
        if (LibC.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(int)) < 0
            || LibC.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(int)) < 0)
            throw Failure("Turning on extended acknowledgements for", "an rtnetlink socket", Marshal.GetLastPInvokeError());
        // Linux 4.20; before it the kernel ignores dump filters, and the lists filter again on our side.
        if (LibC.setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(int)) < 0
            && Marshal.GetLastPInvokeError() is var strict and not ENOPROTOOPT)
            throw Failure("Turning on strict checking for", "an rtnetlink socket", strict);
        // Needs CAP_NET_ADMIN; somebody who only reads has it not, and the ordinary limit serves him.
        if (LibC.setsockopt(fd, LibC.SOL_SOCKET, LibC.SO_RCVBUFFORCE, &receiveBufferBytes, sizeof(int)) < 0
            && LibC.setsockopt(fd, LibC.SOL_SOCKET, LibC.SO_RCVBUF, &receiveBufferBytes, sizeof(int)) < 0)
            throw Failure("Enlarging the receive buffer of", "an rtnetlink socket", Marshal.GetLastPInvokeError());
        return address.Port;
    }

    /// <summary>The size in bytes of the next datagram, whatever the buffer; or minus the error (EAGAIN: there is
    /// none).</summary>
    internal static unsafe int PeekSize(SafeSocketHandle socket) =>
        Receive(socket, [], LibC.MSG_DONTWAIT | LibC.MSG_PEEK | LibC.MSG_TRUNC, out _);

    /// <summary>Takes the next datagram: its size in bytes, or minus the error.</summary>
    internal static int ReceiveDatagram(SafeSocketHandle socket, Span<byte> buffer, out uint senderPort) =>
        Receive(socket, buffer, LibC.MSG_DONTWAIT | LibC.MSG_TRUNC, out senderPort);

    private static unsafe int Receive(SafeSocketHandle socket, Span<byte> buffer, int flags, out uint senderPort)
    {
        using var lease = new HandleLease(socket);
        SocketAddressNetlink sender = default;
        fixed (byte* bytes = buffer)
        {
            iovec vector = default;
            vector.iov_base = bytes;
            vector.iov_len = buffer.Length;
            msghdr message = default;
            message.msg_name = &sender;
            message.msg_namelen = sizeof(SocketAddressNetlink);
            message.msg_iov = &vector;
            message.msg_iovlen = 1;
            int received;
            do
            {
                received = (int)LibC.recvmsg(lease.Descriptor, &message, flags);
            }
            while (received < 0 && Marshal.GetLastPInvokeError() == EINTR);
            senderPort = sender.Port;
            return received >= 0 ? received : -Marshal.GetLastPInvokeError();
        }
    }

    private const int AddressFamilyNetlink = 16;

    // linux/uapi/linux/netlink.h, struct sockaddr_nl
    [StructLayout(LayoutKind.Sequential)]
    private struct SocketAddressNetlink
    {
        public ushort Family;
        public ushort Padding;
        public uint Port;
        public uint Groups;
    }
}
