import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Orders to a zksim that runs, for tests in Java. It needs nothing but Java 11.
 *
 * <pre>
 *     Sim sim = new Sim("127.0.0.1:8080");
 *     sim.expire(client.getZookeeperClient().getZooKeeper().getSessionId());
 * </pre>
 */
public class Sim {
    private final String base;
    private final HttpClient http = HttpClient.newHttpClient();

    public Sim(String http) {
        base = "http://" + http + "/sim/v1/";
    }

    /** Ends a session, as its timeout would. */
    public void expire(long session) {
        session(session, "expire");
    }

    /** Breaks the connection of a session; the session lives on. */
    public void disconnect(long session) {
        session(session, "disconnect");
    }

    /** Its client hears nothing of the server any more; what it asks is done all the same. */
    public void stall(long session) {
        session(session, "stall");
    }

    /** Ends that: what was kept arrives at once. */
    public void resume(long session) {
        session(session, "resume");
    }

    /** Moves the server's clock, by "30s" or "1h30m". What is due has happened when it returns. */
    public void advance(String duration) {
        send("POST", "clock", "{\"advance\":\"" + duration + "\"}");
    }

    /** Removes all nodes and ends all sessions. */
    public void reset() {
        send("POST", "reset", "");
    }

    /** Has things go wrong from now on, such as "cut after-reply create /lock/** once". */
    public void faults(String... rules) {
        send("POST", "faults", String.join("\n", rules));
    }

    /** Nothing goes wrong any more. */
    public void heal() {
        send("DELETE", "faults", "");
    }

    /** Stops a member of the ensemble, as a crash would; they are numbered from 1. */
    public void stop(int member) {
        send("POST", "members/" + member + "/stop", "");
    }

    /** Brings it back. */
    public void start(int member) {
        send("POST", "members/" + member + "/start", "");
    }

    /** The member that a session is connected to, 0 if it is not connected. */
    public int memberOf(long session) {
        Matcher found = Pattern.compile("\"id\": \"" + id(session) + "\"[^{}]*\"member\": (\\d+)").matcher(state());
        return found.find() ? Integer.parseInt(found.group(1)) : 0;
    }

    /** The members, the sessions and the watches, in JSON. */
    public String state() {
        return send("GET", "state", "");
    }

    private void session(long session, String order) {
        send("POST", "sessions/" + id(session) + "/" + order, "");
    }

    private static String id(long session) {
        return "0x" + Long.toHexString(session);
    }

    private String send(String method, String path, String body) {
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + path))
            .method(method, HttpRequest.BodyPublishers.ofString(body)).build();
        try {
            HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new IllegalStateException(answer.body());
            }
            return answer.body();
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
